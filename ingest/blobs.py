"""Original files, kept under the hash of their content: `ab/cd/abcd…`.

A blob appears whole or not at all, and nothing ever changes one. The store is a local folder or
any fsspec URL. Knows bytes only: names, types and who may see them are the library's business.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import BinaryIO, cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from ingest.errors import ContentMissing, FileTooLarge, StorageFull
from ingest.settings import settings

HEAD_BYTES = 65_536  #: as many as `sniff.media_type` wants to see
INCOMING = "incoming"
ABANDONED_SECONDS = 24 * 3600.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Store:
    """A file system and the folder in it that holds the blobs."""

    files: AbstractFileSystem
    root: str

    @property
    def local(self) -> bool:
        """Whether a blob already is a file of this machine."""
        return isinstance(self.files, LocalFileSystem)

    @property
    def incoming(self) -> Path:
        """Local folder for what is not complete yet, beside the blobs where they are local."""
        return Path(self.root) / INCOMING if self.local else settings().data / INCOMING

    def path(self, sha256: str) -> str:
        """Where the blob lies. Raises ValueError for what is not a hash: it would be a path."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256 in hexadecimal")
        return f"{self.root}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def store() -> Store:
    """The store of the settings (fsspec keeps the connections)."""
    files, root = url_to_fs(settings().resolved_blob_url)
    return Store(files, str(root).rstrip("/"))


class Intake:
    """A file on its way in: `write` … `seal`, then `commit` or `discard`.

    `seal` does what takes time (flushing, uploading), `commit` is a rename, so it can be called
    inside the transaction that records the blob: then no row is without its file, whatever
    deletes the same content at the same moment.
    """

    def __init__(self, limit: int | None = None) -> None:
        """Begin a file of at most `limit` bytes. Raises StorageFull."""
        self.size = 0
        self.head = b""  #: the first bytes, for whoever wants to know what this is
        self._limit = limit
        self._hash = hashlib.sha256()
        self._store = store()
        self._staged: str | None = None
        with _room():
            folder = _private_folder(self._store.incoming)
            self._temporary = folder / secrets.token_hex(16)
            handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")

    @property
    def sha256(self) -> str:
        """Hash of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Add bytes. Raises FileTooLarge beyond the limit, StorageFull on a full disk."""
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            raise FileTooLarge(limit_mb=f"{self._limit / _MEGABYTE:g}")
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self._hash.update(data)
        with _room():
            self._file.write(data)

    def seal(self) -> None:
        """Bring every byte to where `commit` only has to rename it. Harmless when repeated."""
        if self._file.closed:
            return
        with _room():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if not self._store.local:
                staged = f"{self._store.root}/{INCOMING}/{self._temporary.name}"
                self._staged = staged
                _make_parent(self._store.files, staged)
                self._store.files.put_file(str(self._temporary), staged)
                self._temporary.unlink()

    def commit(self) -> str:
        """Make the blob visible, at once and whole; returns its hash."""
        self.seal()
        target = self._store.path(self.sha256)
        with _room():
            if self._staged is None:
                _rename(self._temporary, Path(target))
            elif not self._store.files.exists(target):
                _make_parent(self._store.files, target)
                self._store.files.mv(self._staged, target)
                self._staged = None
        self.discard()
        return self.sha256

    def discard(self) -> None:
        """Forget the file. Harmless after `commit` and when repeated."""
        with suppress(OSError):
            self._file.close()  # a full disk may refuse the last buffer; it is not wanted anyway
        self._temporary.unlink(missing_ok=True)
        if self._staged is not None:
            with suppress(FileNotFoundError):
                self._store.files.rm_file(self._staged)
            self._staged = None


def exists(sha256: str) -> bool:
    """Whether the blob is there."""
    place = store()
    return bool(place.files.exists(place.path(sha256)))


def open(sha256: str) -> BinaryIO:  # noqa: A001  (read as `blobs.open`)
    """The blob, to be read. Raises ContentMissing."""
    place = store()
    try:
        return cast(BinaryIO, place.files.open(place.path(sha256), "rb"))
    except FileNotFoundError as error:
        raise ContentMissing from error


@contextmanager
def local_path(sha256: str) -> Iterator[Path]:
    """A file of this machine with the blob's content, to be read only. Raises ContentMissing.

    A blob of a remote store is downloaded and the copy removed afterwards.
    """
    place = store()
    if place.local:
        path = Path(place.path(sha256))
        if not path.is_file():
            raise ContentMissing
        yield path
        return
    copy = _private_folder(place.incoming) / secrets.token_hex(16)
    try:
        copy.touch(0o600)
        with _room():
            place.files.get_file(place.path(sha256), str(copy))
        yield copy
    except FileNotFoundError as error:
        raise ContentMissing from error
    finally:
        copy.unlink(missing_ok=True)


def delete(sha256: str) -> None:
    """Remove the blob; nothing happens when it is not there."""
    place = store()
    with suppress(FileNotFoundError):
        place.files.rm_file(place.path(sha256))


def hashes() -> Iterator[str]:
    """The hashes of all blobs that are kept."""
    place = store()
    for path in place.files.find(place.root):
        if _SHA256.fullmatch(name := path.rsplit("/", 1)[-1]):
            yield name


def age(sha256: str) -> float:
    """Seconds since the blob was written; 0 when it is not there."""
    place = store()
    try:
        written = place.files.modified(place.path(sha256))
    except FileNotFoundError:
        return 0.0
    return time.time() - float(written.timestamp())


def sweep(older_than: float = ABANDONED_SECONDS) -> int:
    """Remove local files that a crash left half-written; returns how many."""
    folder = store().incoming
    if not folder.is_dir():
        return 0
    limit = time.time() - older_than
    abandoned = [path for path in folder.iterdir() if path.stat().st_mtime < limit]
    for path in abandoned:
        path.unlink(missing_ok=True)
    return len(abandoned)


def _private_folder(path: Path) -> Path:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path


def _make_parent(files: AbstractFileSystem, path: str) -> None:
    files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)


def _rename(source: Path, target: Path) -> None:
    folder = _private_folder(target.parent)
    source.replace(target)
    # The rename itself has to survive a power cut: it is in the folder, not in the file.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT, EFBIG):
            raise StorageFull from error
        raise
