"""What a GGUF file is made of, read strictly, before llama.cpp sees it.

The format: magic, version, number of tensors and of pairs, the pairs, then name, shape, type and
place of each tensor, then their data; everything little-endian
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). A file is refused for whatever
llama.cpp's own reader (ggml/src/gguf.cpp) refuses, for data that would lie outside the file, and
for sizes that no model has. Time and memory are bounded by the limits below, whatever the file
says of itself. Loads no library.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from workers.engine.formats import TENSORS
from workers.errors import ModelMissing, ModelUnusable

MAGIC, VERSIONS = b"GGUF", (2, 3)
STRING, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
SCALARS = dict(enumerate("BbHhIif?", start=0)) | {10: "Q", 11: "q", 12: "d"}
ALIGNMENT_KEY, ALIGNMENT = "general.alignment", 32

#: No model known comes near: the largest vocabularies have 262,144 tokens, DeepSeek-V3 1,025
#: tensors, the longest chat templates some 20,000 characters.
MOST_PAIRS, MOST_TENSORS, MOST_TEXTS = 1 << 13, 1 << 16, 1 << 22
LONGEST_TEXT, LONGEST_KEY, LONGEST_HEADER = 1 << 22, 1 << 9, 1 << 26
MOST_ELEMENTS, LARGEST_ALIGNMENT = 1 << 62, 1 << 16
#: What llama.cpp has room for (GGML_MAX_NAME, with its final zero, and GGML_MAX_DIMS).
LONGEST_NAME, MOST_DIMENSIONS = 63, 4
#: Arrays up to this length are kept; of longer ones, such as a vocabulary, the length alone.
KEPT = 1 << 12


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies, and how."""

    name: str
    shape: tuple[int, ...]
    type: str
    size: int  #: bytes

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Long:
    """An array whose elements were checked and not kept."""

    length: int

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Gguf:
    """A file that holds what its header says."""

    size: int  #: bytes
    pairs: Mapping[str, Any]  #: numbers, texts, and arrays as tuples or `Long`
    tensors: tuple[Tensor, ...]


class _Fault(ValueError):
    """Why a file is no good."""


def read(path: Path) -> Gguf:
    """Read and check one file. Raises ModelMissing or ModelUnusable."""
    if not path.is_file():
        raise ModelMissing(path=path)
    try:
        with path.open("rb") as file:
            return _read(_Cursor(file, path.stat().st_size))
    except OSError as error:
        raise ModelUnusable(path=path, reason=error.strerror or "it can't be read") from error
    except _Fault as error:
        raise ModelUnusable(path=path, reason=error) from error


class _Cursor:
    """Reads forward, and no further than a header may be long."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size, self.place = size, 0
        self._file, self._texts = file, 0

    def take(self, count: int) -> bytes:
        self.place += count
        if self.place > LONGEST_HEADER:
            raise _Fault("its header is longer than any model's")
        raw = self._file.read(count) if self.place <= self.size else b""
        if len(raw) != count:
            raise _Fault("it ends within its header")
        return raw

    def unpack(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def text(self, longest: int = LONGEST_TEXT) -> str:
        return self._bytes(longest).decode("utf-8", "replace")

    def texts(self, count: int) -> "tuple[str, ...] | Long":
        """An array of them. Counted over the file: each costs time, however short it is."""
        self._texts += count
        if self._texts > MOST_TEXTS:
            raise _Fault("its header has more texts than any model's")
        if count <= KEPT:
            return tuple(self.text() for _ in range(count))
        for _ in range(count):
            self._bytes(LONGEST_TEXT)
        return Long(count)

    def _bytes(self, longest: int) -> bytes:
        (length,) = LENGTH.unpack(self.take(LENGTH.size))
        if length > longest:
            raise _Fault(f"a text of its header has {length} bytes")
        return self.take(length)


def _read(cursor: _Cursor) -> Gguf:
    if cursor.size < len(MAGIC) or cursor.take(len(MAGIC)) != MAGIC:
        raise _Fault("it is not a GGUF file")
    version, tensors, pairs = cursor.unpack("IQQ")
    if version not in VERSIONS:
        raise _Fault(f"its version is {version}, not one of {VERSIONS}")
    if pairs > MOST_PAIRS or tensors > MOST_TENSORS:
        raise _Fault(f"its header announces {pairs} pairs and {tensors} tensors")
    told = _pairs(cursor, pairs)
    return Gguf(cursor.size, told, _tensors(cursor, tensors, _alignment(told)))


def _pairs(cursor: _Cursor, count: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.text(LONGEST_KEY)
        if not key or key in told:
            raise _Fault(f"its header has the key “{key}” twice" if key else "a key is empty")
        told[key] = _value(cursor, *cursor.unpack("I"))
    return told


def _value(cursor: _Cursor, kind: int) -> Any:
    if kind == STRING:
        return cursor.text()
    if kind != ARRAY:
        return cursor.unpack(_scalar(kind))[0]
    inner, count = cursor.unpack("IQ")
    if inner == STRING:
        return cursor.texts(count)
    form = _scalar(inner)
    if count > LONGEST_HEADER:
        raise _Fault(f"an array of its header has {count} elements")
    raw = cursor.take(count * struct.calcsize(f"<{form}"))
    return struct.unpack(f"<{count}{form}", raw) if count <= KEPT else Long(count)


def _scalar(kind: int) -> str:
    if kind not in SCALARS:  # an array within an array too: llama.cpp reads none
        raise _Fault(f"a value of its header is of type {kind}")
    return SCALARS[kind]


def _alignment(told: Mapping[str, Any]) -> int:
    alignment = told.get(ALIGNMENT_KEY, ALIGNMENT)
    if not isinstance(alignment, int) or not 0 < alignment <= LARGEST_ALIGNMENT:
        raise _Fault(f"its alignment is {alignment!r}")
    if alignment & (alignment - 1):
        raise _Fault(f"its alignment {alignment} is no power of two")
    return alignment


def _tensors(cursor: _Cursor, count: int, alignment: int) -> tuple[Tensor, ...]:
    """All of them, which must follow each other without gaps, inside the file."""
    found: dict[str, Tensor] = {}
    end = padded = elements = 0
    for _ in range(count):
        tensor, offset = _tensor(cursor)
        if tensor.name in found:
            raise _Fault(f"it has the tensor “{tensor.name}” twice")
        if offset != padded:
            raise _Fault(f"its tensor “{tensor.name}” lies at {offset}, not at {padded}")
        found[tensor.name] = tensor
        end = offset + tensor.size
        padded = end + -end % alignment
        elements += tensor.elements
    begin = cursor.place + -cursor.place % alignment
    if elements > MOST_ELEMENTS or (count and begin + end > cursor.size):
        raise _Fault(f"its tensors end at byte {begin + end}, and the file at {cursor.size}")
    return tuple(found.values())


def _tensor(cursor: _Cursor) -> tuple[Tensor, int]:
    """The next tensor, and its offset from the first one."""
    name = cursor.text(LONGEST_NAME)
    (dimensions,) = cursor.unpack("I")
    if not name or not 0 < dimensions <= MOST_DIMENSIONS:
        raise _Fault(f"its tensor “{name}” has {dimensions} dimensions")
    *shape, kind, offset = cursor.unpack(f"{dimensions}QIQ")
    if kind not in TENSORS:
        raise _Fault(f"its tensor “{name}” is of type {kind}, which nobody knows")
    packing = TENSORS[kind]
    elements = math.prod(shape)
    if not 0 < elements < MOST_ELEMENTS or shape[0] % packing.block:
        raise _Fault(f"its tensor “{name}” has the shape {shape}")
    size = elements // packing.block * packing.size
    return Tensor(name, tuple(shape), packing.name, size), offset
