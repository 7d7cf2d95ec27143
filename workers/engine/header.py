"""What a GGUF file says of itself, read without loading it.

The format: magic, version, number of tensors and of key-value pairs, then the pairs; everything
little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from workers.engine.model import GGUF_MAGIC, check_header
from workers.errors import ModelUnusable

STRING, ARRAY = 8, 9
SCALARS = dict(enumerate("BbHhIif?", start=0)) | {10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True, slots=True)
class Header:
    """The sizes that memory is planned by."""

    layers: int
    width: int  #: of an embedding
    hidden: int  #: of a feed-forward layer
    heads: int
    trained_context: int
    vocabulary: int
    kv_width: int  #: elements of K and V that all layers keep for one token


def header(path: Path) -> Header:
    """Read a model's header; sizes that it leaves out are 0. Raises ModelMissing, ModelUnusable."""
    check_header(path)
    try:
        with path.open("rb") as file:
            return _sizes(_pairs(file))
    except (struct.error, KeyError, ValueError, TypeError, MemoryError) as error:
        raise ModelUnusable(path=path, reason="its header can't be read") from error


def _sizes(told: dict[str, Any]) -> Header:
    arch = f"{told['general.architecture']}."
    layers, width = int(told[f"{arch}block_count"]), int(told[f"{arch}embedding_length"])
    heads = _each(told.get(f"{arch}attention.head_count", 0), layers)
    shared = _each(told.get(f"{arch}attention.head_count_kv", heads), layers)
    head = width // max(*heads, 1)
    key = int(told.get(f"{arch}attention.key_length", head))
    value = int(told.get(f"{arch}attention.value_length", head))
    return Header(
        layers=layers,
        width=width,
        hidden=max(_each(told.get(f"{arch}feed_forward_length", 0), layers)),
        heads=max(heads),
        trained_context=int(told.get(f"{arch}context_length", 0)),
        vocabulary=len(told.get("tokenizer.ggml.tokens", ())),
        kv_width=sum(shared) * (key + value),
    )


def _each(value: Any, layers: int) -> list[int]:
    """One number for each layer: some models give a list, most one for all."""
    return [int(one) for one in value] if isinstance(value, list) else [int(value)] * layers


def _pairs(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != GGUF_MAGIC:
        raise ValueError("no magic")
    _version, _tensors, pairs = _unpack(file, "IQQ")
    return {_string(file): _value(file, *_unpack(file, "I")) for _ in range(pairs)}


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        inner, count = _unpack(file, "IQ")
        if inner in (STRING, ARRAY):
            return [_value(file, inner) for _ in range(count)]
        return list(_unpack(file, f"{count}{SCALARS[inner]}"))
    return _unpack(file, SCALARS[kind])[0]


def _string(file: BinaryIO) -> str:
    return _read(file, _unpack(file, "Q")[0]).decode("utf-8", "replace")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", _read(file, struct.calcsize(f"<{form}")))


def _read(file: BinaryIO, size: int) -> bytes:
    raw = file.read(size) if size < 1 << 28 else b""
    if len(raw) != size:
        raise ValueError("it ends too early")
    return raw
