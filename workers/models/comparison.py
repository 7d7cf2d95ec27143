"""What formats of a model cost and lose, beside the model that they were made from."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from workers.engine import parts
from workers.engine.chunks import CHUNK
from workers.engine.fingerprint import fingerprint
from workers.engine.header import header
from workers.engine.importance import Importance
from workers.engine.machine import machine
from workers.engine.profile import Profile
from workers.engine.quality import KEPT, SCORED, Figure, Reading, Reference
from workers.models import making, matrix, reports, speeds
from workers.models.shelf import SPARE_BYTES, DiskTooSmall
from workers.models.speeds import Speed
from workers.models.telling import Tell

#: What reading takes beside the weights: odds of a chunk as floats, several times.
ROOM_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One model of a comparison."""

    name: str
    format: str
    size: int  #: bytes of its files
    bits: float  #: per weight
    mostly: str  #: the type that most of its weights really have, and their share
    matrix: str  #: what its importance matrix was computed from; empty: made without
    loss: Figure  #: nats per token; its exponential is the perplexity
    reading: Reading | None  #: None: what the others are compared with
    speed: Speed


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be compared."""

    base: str
    names: tuple[str, ...]
    words: str  #: to read
    chunks: int | None  #: of 512 tokens at most

    @property
    def all(self) -> tuple[str, ...]:
        """The base first."""
        return (self.base, *self.names)


def compare(asked: Question, profile: Profile, tell: Tell) -> list[Row]:
    """The base's row first. What was read before is not read again; speeds are measured anew.

    Raises ModelNotShelved, TextTooShort, DiskTooSmall, MemoryTooSmall, NotComparable, NotTimed,
    ModelMissing or ModelUnusable.
    """
    for name in asked.all:
        making.require_memory(name, parts.size(making.file_of(name)) + ROOM_BYTES)
    loss, readings = _readings(asked, tell)
    timed = speeds.measure([making.file_of(name) for name in asked.all], profile, tell)
    base = _row(asked.base, loss, None, timed[0])
    return [base] + [
        _row(name, readings[name].loss, readings[name], speed)
        for name, speed in zip(asked.names, timed[1:], strict=True)
    ]


def seen(names: Sequence[str]) -> frozenset[int]:
    """Digests of what the models' importance matrices were computed from."""
    found = (matrix_of(name) for name in names)
    return frozenset[int]().union(*(one.sentences for one in found if one is not None))


def matrix_of(name: str) -> Importance | None:
    """What a model was made with."""
    made = making.how(name).get("matrix")
    return matrix.read(making.file_of(name).with_name(making.MATRIX)) if made else None


def _row(name: str, loss: Figure, reading: Reading | None, speed: Speed) -> Row:
    path = making.file_of(name)
    files = parts.check(path)
    types, weights, size = Counter[str](), 0, 0
    for tensor in (tensor for file in files for tensor in file.tensors):
        types[tensor.type] += tensor.elements
        weights, size = weights + tensor.elements, size + tensor.size
    (main, count), *_ = types.most_common(1)
    made_with = making.how(name).get("matrix") or {}
    return Row(
        name=name,
        format=header(path).format,
        size=sum(file.size for file in files),
        bits=8 * size / weights,
        mostly=f"{main} {count / weights:.0%}",
        matrix=", ".join(made_with.get("datasets", ())),
        loss=loss,
        reading=reading,
        speed=speed,
    )


def _readings(asked: Question, tell: Tell) -> tuple[Figure, dict[str, Reading]]:
    """The base's loss, and how each of the others reads."""
    known = {name: found for name in asked.names if (found := _known(name, _key(asked, name)))}
    missing = [name for name in asked.names if name not in known]
    losses = [loss for loss, _ in known.values()]
    if missing or not losses:
        with _reference(asked, tell) as reference:
            losses = [reference.loss]
            for name in missing:
                tell(f"reading with {name}")
                reading = reference.compare(
                    making.file_of(name), partial(tell, f"reading with {name}")
                )
                _keep(asked, name, reference.loss, reading)
                known[name] = reference.loss, reading
    return losses[0], {name: reading for name, (_, reading) in known.items()}


@contextmanager
def _reference(asked: Question, tell: Tell) -> Iterator[Reference]:
    path, folder = making.file_of(asked.base), making.shelf().folder
    folder.mkdir(parents=True, exist_ok=True)
    # No token stands for less than a byte.
    most = asked.chunks or len(asked.words.encode(errors="replace")) // CHUNK + 1
    needed = most * SCORED * header(path).vocabulary * KEPT.itemsize
    free = shutil.disk_usage(folder).free
    if free - needed < SPARE_BYTES:
        told = {"needed": needed, "spare": SPARE_BYTES, "free": free}
        sizes = {key: f"{value / 1e9:.1f} GB" for key, value in told.items()}
        raise DiskTooSmall(name=f"what {asked.base} expects", folder=folder, **sizes)
    doing = f"reading with {asked.base}"
    with Reference(
        path, asked.words, asked.chunks, folder, lambda done, total: tell(doing, done, total)
    ) as reference:
        yield reference


def _key(asked: Question, name: str) -> dict[str, Any]:
    """All that a reading depends on."""
    return {
        "text": hashlib.sha256(asked.words.encode(errors="replace")).hexdigest(),
        "chunks": asked.chunks,
        "against": fingerprint(making.file_of(asked.base)),
        "model": fingerprint(making.file_of(name)),
        "library": machine().library,
    }


def _known(name: str, key: Mapping[str, Any]) -> tuple[Figure, Reading] | None:
    told = {} if name == making.BUNDLED else reports.read(making.shelf().place(name))
    if told.get("key") != key:
        return None
    try:
        fields: dict[str, Any] = {
            field: Figure(**value) if isinstance(value, dict) else value
            for field, value in told["reading"].items()
        }
        return Figure(**told["loss"]), Reading(**fields)
    except (KeyError, TypeError, AttributeError):
        return None


def _keep(asked: Question, name: str, loss: Figure, reading: Reading) -> None:
    if name != making.BUNDLED:
        told = {"against": asked.base, "loss": asdict(loss), "reading": asdict(reading)}
        reports.keep(making.shelf().place(name), told | {"key": _key(asked, name)})
