"""A bundle of a model: a tar file with the note first and the model's files after it.

    model.json    name, origin, licence; each file's name, size and SHA-256
    1.gguf …      the files in the order of the note

Read as a stream of blocks, not with a general tar reader: a member that is not exactly the next
expected one ends it, so names lead nowhere, links mean nothing and sizes can't lie.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from workers.models.errors import ParcelUnusable
from workers.models.shelf import NAME, NOTE, File, Shelved

BLOCK, COPIED = tarfile.BLOCKSIZE, 8 << 20
LARGEST_NOTE, MOST_FILES, LONGEST_WORDS = 1 << 20, 1_000, 1_000
OWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.gguf")
SUM = re.compile(r"[0-9a-f]{64}")
Hear = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Note:
    """What a bundle says it holds."""

    name: str
    origin: str
    licence: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def pack(model: Shelved, target: Path, hear: Hear) -> int:
    """Write a bundle, whole or not at all; returns its bytes. Raises ParcelUnusable."""
    if target.exists():
        raise ParcelUnusable(path=target, reason="it is there already")
    note = Note(model.name, model.origin, model.licence, model.files)
    text, done = json.dumps(asdict(note)).encode(), 0
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as out:
            out.write(_head(NOTE, len(text)) + text + bytes(-len(text) % BLOCK))
            for number, file in enumerate(model.files, start=1):
                out.write(_head(f"{number}.gguf", file.size))
                with (model.folder / file.name).open("rb") as source:
                    for size in _copied(source, out, file):
                        hear(done + size, note.size)
                done += file.size
                out.write(bytes(-file.size % BLOCK))
            out.write(bytes(2 * BLOCK))
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except _Odd as error:
        raise ParcelUnusable(path=target, reason=error) from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


class Parcel:
    """A bundle that is being read; its note is known."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        size = _expect(stream, NOTE, LARGEST_NOTE)
        self.note = _note(_take(stream, size))
        _take(stream, -size % BLOCK)

    def unpack(self, place: Path, hear: Hear) -> None:
        """Put its files into a folder, each under its name once its sum is right.

        Raises ParcelUnusable; then none of the files is there.
        """
        done, made = 0, []
        try:
            for number, file in enumerate(self.note.files, start=1):
                if _expect(self._stream, f"{number}.gguf", file.size) != file.size:
                    raise _Odd(f"{file.name} is not as long as its note says")
                target = place / file.name
                made.append(target)
                with target.open("wb") as out:
                    for size in _copied(self._stream, out, file):
                        hear(done + size, self.note.size)
                    out.flush()
                    os.fsync(out.fileno())
                _take(self._stream, -file.size % BLOCK)
                done += file.size
            if self._stream.read(2 * BLOCK + 1) != bytes(2 * BLOCK):
                raise _Odd("something follows its last file")
        except BaseException as error:
            for target in made:
                target.unlink(missing_ok=True)
            if isinstance(error, _Odd):
                raise ParcelUnusable(path=self._path, reason=error) from error
            raise


@contextmanager
def opened(path: Path) -> Iterator[Parcel]:
    """A bundle's note, and its files if wanted. Raises ParcelUnusable."""
    try:
        with path.open("rb") as stream:
            try:
                parcel = Parcel(path, stream)
            except _Odd as error:
                raise ParcelUnusable(path=path, reason=error) from error
            yield parcel
    except FileNotFoundError as error:
        raise ParcelUnusable(path=path, reason="there is no such file") from error


class _Odd(ValueError):
    """Why a bundle is no good."""


def _head(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.GNU_FORMAT)  # sizes beyond 8 GB


def _expect(stream: BinaryIO, name: str, most: int) -> int:
    """The size of the next member, which must be a plain file of this name."""
    try:
        member = tarfile.TarInfo.frombuf(_take(stream, BLOCK), "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise _Odd(f"{name} should be in it here") from error
    if (member.name, member.type) != (name, tarfile.REGTYPE) or not 0 < member.size <= most:
        raise _Odd(f"{name} should be in it here")
    return member.size


def _note(text: bytes) -> Note:
    try:
        told = json.loads(text)
        files = tuple(File(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in told["files"])
        note = Note(str(told["name"]), str(told["origin"]), str(told["licence"]), files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _Odd("its note makes no sense") from error
    names = {file.name for file in files}
    right = all(
        OWN.fullmatch(file.name) and SUM.fullmatch(file.sha256) and file.size > 0 for file in files
    )
    if not right or len(names) != len(files) or not 0 < len(files) <= MOST_FILES:
        raise _Odd("its note tells of files that can't be")
    if not NAME.fullmatch(note.name) or len(note.origin + note.licence) > LONGEST_WORDS:
        raise _Odd("its note gives no name that a model can have")
    return note


def _copied(source: BinaryIO, out: BinaryIO, file: File) -> Iterator[int]:
    """Copy one file, block by block; raises _Odd when it is not what its sum says."""
    done, sums = 0, hashlib.sha256()
    while done < file.size:
        block = source.read(min(COPIED, file.size - done))
        if not block:
            break
        sums.update(block)
        out.write(block)
        done += len(block)
        yield done
    if done != file.size or sums.hexdigest() != file.sha256:
        raise _Odd(f"{file.name} is not what its sum says")


def _take(stream: BinaryIO, size: int) -> bytes:
    raw = stream.read(size)
    if len(raw) != size:
        raise _Odd("it ends too early")
    return raw
