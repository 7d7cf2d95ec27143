"""KV states on disk: written in the background, whole or not at all, checked when read.

One folder for each layout of model, library and KV: a state is right for nothing else. The files
hold the documents' content in another form, so only the owner may read them.

    magic · length of the head · CRC-32 of the head · head (JSON) · tokens (int32) · state

The state's CRC-32 is in the head, and the tokens' hash is the file's name.
"""

import hashlib
import json
import os
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import structlog

from workers.engine import pages

MAGIC = b"LECTKV02"
FIXED = 16  #: bytes in front of the head
SUFFIX = ".kv"
LONGEST_HEAD = 1 << 20  #: bytes
ROOM_LEFT = 1 << 30  #: bytes of the disk that stay free for what cannot be computed again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a state without reading it."""

    tokens: tuple[int, ...]
    size: int  #: bytes of the state
    seconds: float  #: what computing it took
    sources: frozenset[str]

    @property
    def name(self) -> str:
        """The file's name: a hash of the tokens."""
        raw = np.asarray(self.tokens, "<i4").tobytes()
        return hashlib.sha256(raw).hexdigest()[:40] + SUFFIX


class StateStore:
    """A folder of states of one layout. Any thread may use it; one thread writes."""

    def __init__(self, folder: Path, layout: str, limit_bytes: int) -> None:
        """States of another layout are removed when they would not leave room for this one's."""
        self.limit_bytes = limit_bytes
        self._all, name = folder, hashlib.sha256(layout.encode()).hexdigest()[:24]
        self._folder = folder / name
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_room(folder, self._folder, limit_bytes)
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="kv-store", daemon=True)
        self._thread.start()

    def blobs(self) -> list[Blob]:
        """What the folder holds, oldest first; what was left half-written is removed."""
        for part in self._folder.glob("*.part"):
            if not _being_written(part):
                part.unlink(missing_ok=True)
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda one: one.stat().st_mtime):
            blob = _head(path)
            if blob is None:
                path.unlink(missing_ok=True)
            else:
                found.append(blob)
        return found

    def write(self, blob: Blob, state: Any, told: Callable[[bool], None]) -> None:
        """Write a state soon; the writing thread tells whether it is safe or could not be had."""
        self._tasks.put(lambda: told(self._write(blob, state)))

    def read(self, blob: Blob) -> Any | None:
        """The state (uint8), or None when it is gone or not what was written."""
        try:
            raw = pages.read(self._folder / blob.name)
        except OSError:
            return None
        state = raw[raw.size - blob.size :]
        head = _parsed(raw[: max(0, raw.size - blob.size)].tobytes())
        if head is None or state.size != blob.size or zlib.crc32(state.data) != head["crc32"]:
            log.warning("kv_state_damaged", file=blob.name)
            return None
        return state

    def remove(self, blob: Blob) -> None:
        """Remove a state; harmless when it is gone."""
        (self._folder / blob.name).unlink(missing_ok=True)

    def foreign_sources(self) -> frozenset[str]:
        """The documents that states of other layouts, which no engine may know, hold words of."""
        return frozenset().union(*(blob.sources for _, blob in self._foreign()))

    def forget_foreign(self, sources: frozenset[str]) -> None:
        """Remove states of other layouts that hold words of these documents."""
        for path, blob in self._foreign():
            if blob.sources & sources:
                path.unlink(missing_ok=True)

    def _foreign(self) -> Iterator[tuple[Path, Blob]]:
        for path in self._all.glob(f"*/*{SUFFIX}"):
            try:
                blob = None if path.parent == self._folder else _head(path)
            except OSError:
                continue  # its owner removed it just now
            if blob is not None:
                yield path, blob

    def close(self) -> None:
        """Finish what is being written."""
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _write(self, blob: Blob, state: Any) -> bool:
        path = self._folder / blob.name
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            if _free_bytes(self._folder) < blob.size + ROOM_LEFT:
                log.warning("kv_store_full", free=_free_bytes(self._folder))
                return False
            with open(part, "wb", opener=_private) as file:
                file.write(_preamble(blob, zlib.crc32(state)))
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            log.warning("kv_state_not_written", error=str(error))
            return False
        return True


def _being_written(part: Path) -> bool:
    """Whether the process that a half-written file is named for still lives: another worker."""
    writer = part.suffixes[-2].removeprefix(".") if len(part.suffixes) > 1 else ""
    return writer.isdigit() and int(writer) != os.getpid() and psutil.pid_exists(int(writer))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free_bytes(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def _preamble(blob: Blob, crc32: int) -> bytes:
    head = {
        "tokens": len(blob.tokens),
        "size": blob.size,
        "seconds": blob.seconds,
        "sources": sorted(blob.sources),
        "crc32": crc32,
    }
    text = json.dumps(head).encode()
    tokens = np.asarray(blob.tokens, "<i4").tobytes()
    lengths = (len(text), zlib.crc32(text))
    return MAGIC + b"".join(one.to_bytes(4, "little") for one in lengths) + text + tokens


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """The head at the beginning of a file; None when it is not one of ours or damaged."""
    length, crc32 = (int.from_bytes(raw[at : at + 4], "little") for at in (8, 12))
    text = raw[FIXED : FIXED + length]
    if raw[:8] != MAGIC or zlib.crc32(text) != crc32:
        return None
    head: dict[str, Any] = json.loads(text)
    return head


def _head(path: Path) -> Blob | None:
    """What a file says of itself, read without its state."""
    with path.open("rb") as file:
        raw = file.read(FIXED)
        raw += file.read(min(int.from_bytes(raw[8:12], "little"), LONGEST_HEAD))
        head = _parsed(raw)
        if head is None:
            return None
        tokens = file.read(4 * head["tokens"])
        whole = len(raw) + len(tokens) + head["size"] == path.stat().st_size
    if not whole:
        return None
    ids = tuple(np.frombuffer(tokens, "<i4").tolist())
    blob = Blob(ids, head["size"], head["seconds"], frozenset(head["sources"]))
    return blob if blob.name == path.name else None


def _make_room(folder: Path, ours: Path, limit_bytes: int) -> None:
    """Remove states of other layouts, oldest first, beyond the limit."""
    files = list(folder.glob(f"*/*{SUFFIX}"))
    total = sum(path.stat().st_size for path in files)
    others = [path for path in files if path.parent != ours]
    for path in sorted(others, key=lambda one: one.stat().st_mtime):
        if total <= limit_bytes // 2:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
