"""Putting a made model on the shelf: whole, loaded once by a process that may die, or not at all.

models/NAME/NAME.gguf      what was made
models/NAME/made.json      of which model, as what, with which importance matrix
models/NAME/imatrix.gguf   the importance matrix of a model that others are made from
"""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ingest.settings import settings as ingest_settings
from workers.engine import memory
from workers.engine.bundle import bundled
from workers.engine.header import header
from workers.errors import MemoryTooSmall
from workers.models import admission
from workers.models.examining import examine
from workers.models.ledger import Ledger, digest
from workers.models.shelf import BUNDLED, File, Shelf, Shelved
from workers.models.telling import Tell
from workers.settings import models_folder

HOW, MATRIX = "made.json", "imatrix.gguf"
STOPPED = 130  #: exit status, as after Ctrl-C
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def shelf() -> Shelf:
    """That of this installation."""
    return Shelf(models_folder(ingest_settings().data))


def file_of(name: str) -> Path:
    """What llama.cpp is given for a model's name. Raises ModelNotShelved."""
    return bundled() if name == BUNDLED else shelf().find(name).path


def home(name: str) -> Path:
    """The folder for what belongs to a model; the bundled one's beside the shelf's others."""
    return shelf().folder / BUNDLED if name == BUNDLED else shelf().place(name)


def how(name: str) -> dict[str, Any]:
    """What a made model was made of, and how; empty for one that was not made here."""
    try:
        told: dict[str, Any] = json.loads((home(name) / HOW).read_text())
    except (OSError, ValueError):
        return {}
    return told


def require_memory(name: str, needed: int) -> None:
    """Raises MemoryTooSmall unless so many bytes are free."""
    free = memory.available()
    if needed > free:
        raise MemoryTooSmall(model=name, sum=f"{needed / 1e9:.1f} GB", free=f"{free / 1e9:.1f} GB")


def place_for(name: str) -> Path:
    """The file that a model of this name will have; its folder is there when it is prepared."""
    return home(name) / f"{name}.gguf"


@contextmanager
def part(target: Path) -> Iterator[Path]:
    """A file to write what shall be `target`; it gets its name when the block ends well.

    Nothing is left of it otherwise. Signals end the process here and raise nothing: an exception
    would be lost inside a call of llama.cpp that calls back, which would go on to its end.
    """
    unfinished = target.with_suffix(f".{os.getpid()}.part")

    def stop(_number: int, _frame: FrameType | None) -> None:
        _clear(unfinished)
        os._exit(STOPPED)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _clear(unfinished)


def put(name: str, made: Mapping[str, Any], origin: str, licence: str, tell: Tell) -> Shelved:
    """Shelve the finished file of a model. Raises ModelUnusable when a child can't load it."""
    path = place_for(name)
    try:
        examined = examine(path, hear=lambda: tell(f"loading {name} in a child process"))
    except BaseException:
        _clear(path)
        raise
    total = digest(path, lambda done, size: tell(f"summing up {name}", done, size))
    (path.parent / HOW).write_text(json.dumps(dict(made), indent=1))
    file = File(path.name, path.stat().st_size, total)
    ledger = Ledger(shelf().folder)
    ledger.learn(path, sha256=total)
    admission.learn(ledger, path, examined)
    licence = licence or header(path).licence
    return shelf().put(name, [file], origin, licence, examined=examined)


def _clear(file: Path) -> None:
    """Away with it, and with its folder unless something else is in there."""
    file.unlink(missing_ok=True)
    with suppress(OSError):
        file.parent.rmdir()
