"""GGUF files made for tests, byte by byte, so that any of their fields can be wrong."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Pairs = Mapping[str, Any]
#: Name, shape, type, size in bytes.
Shape = tuple[str, Sequence[int], int, int]

SIZES: Pairs = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 128,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "llama.context_length": 1024,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}
F32: Shape = ("token_embd.weight", (64, 3), 0, 64 * 3 * 4)
Q8: Shape = ("output.weight", (64, 3), 8, 64 * 3 // 32 * 34)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value(told: Any) -> bytes:
    """A pair's value with its type; a list as an array of texts or of numbers."""
    if isinstance(told, bytes):
        return told  # ready, or wrong on purpose
    if isinstance(told, str):
        return struct.pack("<I", 8) + text(told)
    if isinstance(told, list):
        texts = bool(told) and isinstance(told[0], str)
        body = map(text, told) if texts else (struct.pack("<I", one) for one in told)
        return struct.pack("<IIQ", 9, 8 if texts else 4, len(told)) + b"".join(body)
    kind, form = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}[type(told)]
    return struct.pack(f"<I{form}", kind, told)


def header(pairs: Pairs, tensors: Sequence[Shape] = (), alignment: int = 32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    body = b"".join(text(key) + value(told) for key, told in pairs.items())
    offset = 0
    for name, shape, kind, size in tensors:
        body += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        body += struct.pack("<IQ", kind, offset)
        offset += size + -size % alignment
    return head + body


def whole(pairs: Pairs = SIZES, tensors: Sequence[Shape] = (F32, Q8), alignment: int = 32) -> bytes:
    """A file whose weights are zeros."""
    told = header(pairs, tensors, alignment)
    data = b"".join(bytes(size + -size % alignment) for *_, size in tensors)
    return told + bytes(-len(told) % alignment) + data


def write(path: Path, pairs: Pairs = SIZES, tensors: Sequence[Shape] = (F32, Q8)) -> Path:
    path.write_bytes(whole(pairs, tensors))
    return path
