"""Files of a folder on this host, as others put them there.

Only what really lies inside is seen: no symbolic link is followed, neither to a file nor to a
folder, also if one takes a folder's place while we look.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.blobs import Intake
from ingest.errors import FileUnreadable, FolderMissing, FolderRefused, WatchingOff
from ingest.sniff import HEAD, media_type

GULP = 1024 * 1024
#: Files that programs keep for themselves: hidden ones, Office's locks.
OTHERS = (".", "~$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was found. It can be opened until the next one is asked for."""

    path: str  #: from the folder
    size: int  #: bytes
    changed_at: float  #: its content, name or rights; nobody can set this time
    _name: str
    _folder: int

    def open(self) -> BinaryIO:
        """The file itself; an OSError if something else is there by now."""
        # Without O_NONBLOCK a pipe would be waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.fdopen(os.open(self._name, flags, dir_fd=self._folder), "rb")


def permitted(folder: str, allowed: Sequence[Path]) -> Path:
    """Where `folder` really is. Raises WatchingOff, and FolderRefused outside of `allowed`."""
    if not allowed:
        raise WatchingOff
    given = Path(folder)
    try:
        real = given.resolve()
        inside = any(real.is_relative_to(each.resolve()) for each in allowed)
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL
        inside = False
    if not inside or not given.is_absolute():
        raise FolderRefused(folder=folder)
    return real


def entries(folder: Path) -> Iterator[Entry]:
    """Every file below, in a steady order. Raises FolderMissing."""
    if not folder.is_dir():
        raise FolderMissing(folder=folder)
    for above, folders, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(OTHERS))
        for name in sorted(names):
            if name.startswith(OTHERS):
                continue
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                continue  # gone already
            if stat.S_ISREG(found.st_mode):
                path = str(Path(above, name).relative_to(folder))
                yield Entry(_shown(path), found.st_size, found.st_ctime, name, descriptor)


def taken(entry: Entry, limit: int) -> tuple[Intake, str] | None:
    """The file's bytes, sealed but not committed, and its media type; None if it still changes.

    Raises what is wrong with it: EmptyFile, UnsupportedType, FileTooLarge, FileUnreadable.
    """
    intake, kept = Intake(limit), False
    try:
        with entry.open() as file:
            before = os.fstat(file.fileno())
            head = file.read(HEAD)
            kind = media_type(head, entry.path)
            intake.write(head)
            while data := file.read(GULP):
                intake.write(data)
            after = os.fstat(file.fileno())
        steady = (before.st_size, before.st_ctime_ns) == (after.st_size, after.st_ctime_ns)
        if not steady or intake.size != after.st_size:
            return None
        intake.seal()
        kept = True
    except OSError as error:
        raise FileUnreadable(reason=error.strerror or type(error).__name__) from error
    finally:
        if not kept:
            intake.discard()
    return intake, kind


def _shown(path: str) -> str:
    """Names are bytes here; those that are no UTF-8 are shown as near as can be."""
    return os.fsencode(path).decode("utf-8", "replace")
