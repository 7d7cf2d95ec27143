"""Putting a made model on the shelf: whole, looked at once, with its origin, or not at all."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ingest.errors import LecternError
from ingest.settings import settings as ingest_settings
from workers.engine import memory
from workers.engine.bundle import bundled
from workers.errors import MemoryTooSmall
from workers.models.shelf import File, Shelf, Shelved
from workers.models.telling import Tell
from workers.settings import models_folder

#: What the model is called that was installed with the program; it lies on no shelf.
BUNDLED = "bundled"
WEIGHTS, HOW = "weights.gguf", "made.json"
STOPPED = 130  #: exit status, as after Ctrl-C
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def shelf() -> Shelf:
    """That of this installation."""
    return Shelf(models_folder(ingest_settings().data))


def file_of(name: str) -> Path:
    """What llama.cpp is given for a model's name. Raises ModelNotShelved."""
    return bundled() if name == BUNDLED else shelf().find(name).path


def how(model: Shelved) -> dict[str, Any]:
    """What a made model was made of, and how; empty for one that was not made here."""
    try:
        told: dict[str, Any] = json.loads((model.folder / HOW).read_text())
    except (OSError, ValueError):
        return {}
    return told


def require_memory(name: str, needed: int) -> None:
    """Raises MemoryTooSmall unless so many bytes are free."""
    free = memory.available()
    if needed > free:
        raise MemoryTooSmall(model=name, sum=f"{needed / 1e9:.1f} GB", free=f"{free / 1e9:.1f} GB")


@contextmanager
def part(target: Path) -> Iterator[Path]:
    """A file to write what shall be `target`; it gets its name when the block ends well.

    Nothing is left of it otherwise. Signals are served here and not by an exception, for that
    would be lost inside a call of llama.cpp that calls back: it would go on to its end.
    """
    unfinished = target.with_suffix(".part")

    def stop(_number: int, _frame: FrameType | None) -> None:
        unfinished.unlink(missing_ok=True)
        with suppress(OSError):
            unfinished.parent.rmdir()  # unless there is something else in it
        os._exit(STOPPED)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        unfinished.unlink(missing_ok=True)


def put(name: str, made: dict[str, Any], origin: str, licence: str, tell: Tell) -> Shelved:
    """Shelve the finished file of a model that has been prepared and looked at."""
    place = shelf().place(name)
    path = place / WEIGHTS
    (place / HOW).write_text(json.dumps(made, indent=1))
    file = File(WEIGHTS, path.stat().st_size, _sha256(path, tell))
    return shelf().put(name, [file], origin, licence)


def _sha256(path: Path, tell: Tell) -> str:
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
            tell(f"summing up {path.parent.name}", file.tell(), size)
    return digest.hexdigest()
