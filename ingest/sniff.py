"""What a file is, told from its first bytes; its name only tells kinds of text apart.

Knows no format's inside: whether a PDF or DOCX is sound is for the parser, in the sandbox.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

import puremagic

from ingest import charset
from ingest.errors import EmptyFile, UnsupportedType

_OFFICE = "application/vnd.openxmlformats-officedocument."
PDF: Final = "application/pdf"
DOCX: Final = _OFFICE + "wordprocessingml.document"
PPTX: Final = _OFFICE + "presentationml.presentation"
XLSX: Final = _OFFICE + "spreadsheetml.sheet"
EPUB: Final = "application/epub+zip"
ZIP: Final = "application/zip"
EML: Final = "message/rfc822"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
TEXT: Final = "text/plain"
#: Pictures by their first bytes.
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "image/tiff"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM....\0\0\0\0.\0\0\0[\x0c\x28\x6c\x7c]", re.DOTALL), "image/bmp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
)
PICTURES: Final = frozenset(kind for _, kind in _PICTURES)
CONTAINERS: Final = frozenset((ZIP, EML))  #: what is inside becomes documents of their own

HEAD = 65_536  #: bytes of a file that `media_type` wants to see

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCAL_FILE = b"PK\x03\x04"
_EMPTY_ARCHIVE = b"PK\x05\x06"
#: Archives that are something else, which nobody wants to see unpacked.
_PROGRAMS = (
    b"META-INF/MANIFEST.MF",
    b"AndroidManifest.xml",
    b"Payload/",
    b"extension.vsixmanifest",
)
_PACKAGES = {b"word/": DOCX, b"ppt/": PPTX, b"xl/": XLSX}  #: by the folder of their parts
_OFFICE_NAMES = {
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), XLSX),
}
_NOT_PROSE = (b"{\\rtf", b"%!PS", b"\xc5\xd0\xd3\xc6")
_TEXT_NAMES = {
    **dict.fromkeys((".md", ".markdown"), MARKDOWN),
    **dict.fromkeys((".htm", ".html", ".xhtml"), HTML),
    **dict.fromkeys((".tsv", ".tab"), TSV),
    ".csv": CSV,
}
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*|<!--.{0,2000}?-->\s*){0,5}<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_FIELD = re.compile(rb"([!-9;-~]{1,76}):[ \t]?[^\n]*\n(?:[ \t][^\n]*\n)*")
#: Fields that only mail programs write; two of them make a mail, one does if the name says so.
_MAIL_FIELDS = frozenset(
    b"received return-path message-id mime-version delivered-to content-type "
    b"content-transfer-encoding dkim-signature x-mailer references in-reply-to".split()
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.005  # a stray control character is no reason to refuse a log file
_MOST_HIGH_BYTES = 0.3  # western 8-bit text; the parser finds out which encoding


def media_type(head: bytes, name: str) -> str:
    """The media type of a file that begins with `head` (its first 64 KiB).

    Raises `EmptyFile`, and `UnsupportedType` for whatever no parser reads.
    """
    if not head:
        raise EmptyFile
    # Spaces before the signature are common in the wild; anything else there is another format.
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:5] == b"%PDF-":
        return PDF
    suffix = PurePath(name).suffix.lower()
    if head.startswith((_OLE, _LOCAL_FILE, _EMPTY_ARCHIVE)):
        return _package(head, suffix)
    for signature, kind in _PICTURES:
        if signature.match(head):
            return kind
    if _is_mail(head, suffix):
        return EML
    if not head.startswith(_NOT_PROSE) and (text := _text(head)) is not None:
        if _HTML_START.match(text):
            return HTML
        return _TEXT_NAMES.get(suffix, TEXT)
    raise UnsupportedType(media_type=_other_type(head))


def _package(head: bytes, suffix: str) -> str:
    """Which kind of archive it is; where the head does not say, its name does."""
    named = _OFFICE_NAMES.get(suffix, DOCX)
    if head.startswith(_OLE):
        if _is_encrypted_package(head):
            return named
        raise UnsupportedType(media_type=_other_type(head))
    names = list(_archive_names(head))
    for folder, kind in _PACKAGES.items():
        if any(name.startswith(folder) for name in names):
            return kind
    if any(name in (b"[Content_Types].xml", b"_rels/.rels") for name in names):
        # Large parts may come first. Then this much decides, and the parser looks again.
        if len(head) >= HEAD:
            return named
        raise UnsupportedType(media_type=ZIP)
    if names[:1] == [b"mimetype"]:  # books and open documents say so
        return _declared_package(head)
    if b"META-INF/container.xml" in names:
        return EPUB
    if any(name.startswith(_PROGRAMS) for name in names):
        raise UnsupportedType(media_type=_other_type(head))
    return ZIP


def _declared_package(head: bytes) -> str:
    (extra,) = struct.unpack_from("<H", head, 28)
    said = head[38 + extra : 138 + extra]
    if said.startswith(EPUB.encode()):
        return EPUB
    kind = re.match(rb"[a-z]+/[a-z0-9.+-]{1,80}?(?=PK|[^a-z0-9.+-]|$)", said)
    raise UnsupportedType(media_type=kind[0].decode() if kind else ZIP)


def _archive_names(head: bytes) -> Iterator[bytes]:
    """Names in the local file headers of a ZIP archive (APPNOTE 4.3.7)."""
    at = 0
    while (at := head.find(_LOCAL_FILE, at)) >= 0 and at + 30 <= len(head):
        (length,) = struct.unpack_from("<H", head, at + 26)
        yield head[at + 30 : at + 30 + length]
        at += 4


def _is_mail(head: bytes, suffix: str) -> bool:
    """Whether it begins as mail programs write it (RFC 5322 §2.2)."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    fields, at = 0, 0
    if head.startswith(b"From ") and (line := head.find(b"\n")) > 0:  # as mailboxes part mails
        at = line + 1
    while found := _FIELD.match(head, at):
        fields += found[1].lower() in _MAIL_FIELDS
        at = found.end()
    return fields >= (1 if suffix in (".eml", ".emlx", ".mht", ".mhtml") else 2)


def _is_encrypted_package(head: bytes) -> bool:
    """Office wraps a document with a password in an OLE file; its directory names the stream."""
    return "EncryptedPackage".encode("utf-16-le") in head


def _text(head: bytes) -> str | None:
    """The head decoded, or None if these bytes are no text."""
    encoding = next(charset.strict(lambda: [head], whole=len(head) < HEAD), None)
    if encoding is None:
        high = sum(byte > 0x7F for byte in head)
        if high > _MOST_HIGH_BYTES * len(head):
            return None
        encoding = "latin-1"
    text = head.decode(encoding, "ignore")
    return text if len(_CONTROLS.findall(text)) <= _MOST_CONTROLS * len(text) else None


def _other_type(head: bytes) -> str:
    try:
        return puremagic.from_string(head, mime=True) or "application/octet-stream"
    except (puremagic.PureError, ValueError):
        return "application/octet-stream"
