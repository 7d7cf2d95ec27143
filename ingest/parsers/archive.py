"""A ZIP archive judged before anything is unpacked. Knows Office packages, not what is in them."""

import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat

from ingest.errors import ArchiveBomb, DamagedDocument, EncryptedDocument, UnsupportedType

MAX_UNPACKED = 512 << 20
MAX_RATIO = 200
RATIO_FROM = 1 << 20  #: smaller entries may be packed as tightly as they like
MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 << 20  #: bytes of the archive's central directory
_OLE = b"\xd0\xcf\x11\xe0"
_END = b"PK\x05\x06"


def check_archive(path: Path) -> None:
    """Refuse what would unpack to too much, is encrypted, or brings a document type of its own."""
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise EncryptedDocument  # Office wraps a document with a password in an OLE file
    _check_directory_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive.infolist())
            for entry in archive.infolist():
                _check_prolog(archive, entry)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        raise DamagedDocument from error


def _check_directory_size(path: Path) -> None:
    """Look at the end record alone: reading a directory of a million entries takes a minute."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 65_557))  # the record and the longest comment
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise DamagedDocument
    entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if entries > MAX_ENTRIES or directory > MAX_DIRECTORY:  # ZIP64 says FFFF and means more
        raise ArchiveBomb


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise ArchiveBomb
    names = {entry.filename for entry in entries}
    if len(names) < len(entries):
        raise DamagedDocument  # which of two parts of one name is read would be chance
    if "[Content_Types].xml" not in names or not any(name.startswith("word/") for name in names):
        raise UnsupportedType(media_type="application/zip")
    for entry in entries:
        if entry.flag_bits & 1:
            raise EncryptedDocument
        packed = max(entry.compress_size, 1)
        if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * packed:
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
