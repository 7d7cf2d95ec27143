"""A ZIP archive judged before anything is unpacked. Knows Office packages, not what is in them."""

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from ingest.errors import ArchiveBomb, DamagedDocument, EncryptedDocument, UnsupportedType

MAX_UNPACKED = 512 << 20
MAX_RATIO = 200
RATIO_FROM = 1 << 20  #: smaller entries may be packed as tightly as they like
MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 << 20  #: bytes of the archive's central directory
_OLE = b"\xd0\xcf\x11\xe0"
_END = b"PK\x05\x06"
_NO_MEMORY = 2  # libxml2's XML_ERR_NO_MEMORY
_STUMBLES = (LookupError, AttributeError, TypeError, RecursionError)
#: What a broken archive is met with while it is read.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    EOFError,
    ValueError,
    OSError,  # a part that begins before its file does
)


def check_office(path: Path, folder: str) -> None:
    """Judge an Office package whose parts lie in `folder`.

    Refused is what would unpack to too much, is encrypted, is another kind of package, or brings a
    document type of its own.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise EncryptedDocument  # Office wraps a document with a password in an OLE file
        check_directory(file)
        try:
            with zipfile.ZipFile(file) as archive:
                check_entries(archive.infolist())
                _check_package(archive.infolist(), folder)
                for entry in archive.infolist():
                    _check_prolog(archive, entry)
        except BROKEN as error:
            raise DamagedDocument from error


@contextmanager
def damage_named(*kinds: type[Exception]) -> Iterator[None]:
    """Whatever a library's own code stumbles over in a broken package is damage.

    `kinds` are its own errors. XML that is no XML is a SyntaxError, and so is want of memory.
    """
    others: tuple[type[Exception], ...] = (*BROKEN, *kinds, *_STUMBLES)
    try:
        yield
    except ParseError as error:  # expat counts its errors in another way
        raise DamagedDocument from error
    except SyntaxError as error:
        if getattr(error, "code", None) == _NO_MEMORY:
            raise MemoryError from error
        raise DamagedDocument from error
    except others as error:
        raise DamagedDocument from error


def check_directory(file: BinaryIO) -> None:
    """Look at the end record alone: reading a directory of a million entries takes a minute."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_557))  # the record and the longest comment
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise DamagedDocument
    entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if entries > MAX_ENTRIES or directory > MAX_DIRECTORY:  # ZIP64 says FFFF and means more
        raise ArchiveBomb


def _check_package(entries: list[zipfile.ZipInfo], folder: str) -> None:
    names = {entry.filename for entry in entries}
    if len(names) < len(entries):
        raise DamagedDocument  # which of two parts of one name is read would be chance
    if "[Content_Types].xml" not in names or not any(name.startswith(folder) for name in names):
        raise UnsupportedType(media_type="application/zip")


def check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Judge what the directory says of the entries; Python unpacks no more of any than it says."""
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise ArchiveBomb
    for entry in entries:
        if entry.flag_bits & 1:
            raise EncryptedDocument
        check_entry(entry)


def check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that is packed too tightly. Raises ArchiveBomb."""
    if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise ArchiveBomb


def _check_prolog(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse a document type declaration, which Office never writes and bombs need.

    It can only stand before the root element, so no more than the prolog is read.
    """
    parser = expat.ParserCreate()
    seen: list[str] = []
    parser.StartDoctypeDeclHandler = lambda *_: seen.append("doctype")
    parser.StartElementHandler = lambda *_: seen.append("element")
    with archive.open(entry) as part, suppress(expat.ExpatError):  # pictures are no XML
        while not seen and (chunk := part.read(4_096)):
            parser.Parse(chunk)
    if seen[:1] == ["doctype"]:
        raise DamagedDocument
