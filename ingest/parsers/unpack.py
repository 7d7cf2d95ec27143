"""What archives and mails hold: named for a text of their own, and brought out file by file.

Archives inside archives are opened in place, so that one count, one size and one depth bound all
that an upload can become. Names are cleaned, links are not followed, and nothing is written: each
file goes to the parent as bytes.
"""

import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.errors import (
    ArchiveBomb,
    ArchiveTooDeep,
    DamagedDocument,
    EmptyFile,
    EncryptedDocument,
    FileTooLarge,
    Refused,
    TooManyMembers,
)
from ingest.names import one_line
from ingest.parsers import mail
from ingest.parsers.archive import BROKEN, MAX_UNPACKED, check_directory, check_entry
from ingest.parsers.flow import Block, paged
from ingest.parsers.text import decoded
from ingest.sniff import EML, HEAD, ZIP, media_type
from ingest.spans import Page

MAX_MEMBERS = 1_000
MAX_DEPTH = 3
_PARTS = 8  #: of a path that are shown
_UTF8_NAME = 0x800
#: What systems and editors leave beside the files.
_LITTER = (".", "~$", "__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside, or why it does not come out."""

    path: str  #: for display only
    data: bytes = b""
    fault: Refused | None = None


@dataclass(slots=True)
class _Budget:
    """What all that one upload holds may come to."""

    largest: int  #: bytes of one file
    members: int = 0
    size: int = 0

    def take(self, size: int) -> None:
        """Count a file. Raises TooManyMembers, ArchiveBomb."""
        self.members += 1
        self.size += size
        if self.members > MAX_MEMBERS:
            raise TooManyMembers(limit=MAX_MEMBERS)
        if self.size > MAX_UNPACKED:
            raise ArchiveBomb


@dataclass(frozen=True, slots=True)
class _Place:
    """Where we are: path and how many archives are around it."""

    path: str = ""
    depth: int = 0

    def inside(self, name: str) -> "_Place":
        """A file in it."""
        return _Place(f"{self.path}/{name}" if self.path else name, self.depth + 1)


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The names of the files in an archive, one a line."""
    names = (f"- {member.path}\n" for member in members(path, ZIP, MAX_UNPACKED))
    yield from paged(map(Block, names), max_pages)


def members(path: Path, kind: str, largest: int) -> Iterator[Member]:
    """Every file of an archive, or every attachment of a mail, of at most `largest` bytes.

    Raises what makes all of it unusable: ArchiveBomb, TooManyMembers, DamagedDocument.
    """
    budget = _Budget(largest)
    if kind == EML:
        yield from _attached(path.read_bytes(), _Place(), budget)
        return
    with path.open("rb") as file:
        yield from _archived(file, _Place(), budget)


def _archived(file: BinaryIO, place: _Place, budget: _Budget) -> Iterator[Member]:
    check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                name = _name(entry)
                if not name or entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16):
                    continue
                yield from _entry(archive, entry, place.inside(name), budget)
    except BROKEN as error:
        raise DamagedDocument from error


def _entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: _Place, budget: _Budget
) -> Iterator[Member]:
    budget.take(entry.file_size)
    check_entry(entry)
    if entry.flag_bits & 1:
        yield Member(place.path, fault=EncryptedDocument())
    elif entry.file_size > budget.largest:
        yield Member(place.path, fault=FileTooLarge(limit_mb=f"{budget.largest / (1 << 20):g}"))
    else:
        try:
            data = archive.read(entry)
        except (*BROKEN, RuntimeError):
            yield Member(place.path, fault=DamagedDocument())
            return
        yield from _file(data, place, budget)


def _attached(data: bytes, place: _Place, budget: _Budget) -> Iterator[Member]:
    for name, content in mail.attachments(mail.opened(data)):
        budget.take(len(content))
        yield from _file(content, place.inside(name), budget)


def _file(data: bytes, place: _Place, budget: _Budget) -> Iterator[Member]:
    """A file as a member, and what it holds; an archive is nothing but what it holds."""
    try:
        if not data:
            raise EmptyFile
        kind = media_type(data[:HEAD], place.path)
        if kind in (ZIP, EML) and place.depth >= MAX_DEPTH:
            raise ArchiveTooDeep(limit=MAX_DEPTH)
        if kind == ZIP:
            yield from _archived(io.BytesIO(data), place, budget)
            return
        inside = list(_attached(data, place, budget)) if kind == EML else []
    except (ArchiveBomb, TooManyMembers):
        raise
    except Refused as error:
        yield Member(place.path, fault=error)
        return
    yield Member(place.path, data)
    yield from inside


def _name(entry: zipfile.ZipInfo) -> str:
    """A path without anything that leads out of the archive; "" for litter."""
    given = entry.filename
    if not entry.flag_bits & _UTF8_NAME and not given.isascii():  # older programs: the system's own
        given = decoded(given.encode("cp437", "replace"))
    parts = [one_line(part) for part in given.replace("\\", "/").split("/")]
    kept = [part for part in parts if part.strip(". ")]
    if not kept or any(part.startswith(_LITTER) for part in kept):
        return ""
    return "/".join(kept[-_PARTS:])
