"""Joining KV states: a passage that was read elsewhere is put behind what a sequence holds.

Approximate, and therefore only on request: a passage's KV was computed behind the system message
alone and has not seen the passages that now stand before it. It is moved: keys are turned to their
new positions (RoPE, Su et al. 2021), values stay as they are (EPIC, Hu et al. 2024). That paper
computes the first tokens of each passage anew, because a text's very first tokens draw attention
to themselves; here those are the system message's, and it gains little (decision 18).

A state is read as llama.cpp writes it (`llama_kv_cache::state_write`, version pinned):

    magic · sequence · streams · {cells}* with, where cells > 0:
        {position · 1 · sequence}* · values transposed? · layers
        {type · bytes a row · keys}* · {type · … · values}*
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.engine import pages
from workers.engine.model import Model

HEAD = np.dtype([("magic", "<u4"), ("sequence", "<i4"), ("streams", "<u4")])
CELL = np.dtype([("position", "<i4"), ("sequences", "<u4"), ("sequence", "<i4")])
F16 = 1  #: ggml's number of the type
ROPE_NORMAL, ROPE_NEOX = 0, 2
#: Bytes before the rows of a layer: type and row size; for transposed values type, size, rows.
ROWS_HEAD = 12


@dataclass(frozen=True, slots=True)
class Rope:
    """How a model turns keys by their position."""

    base: float
    dimensions: int  #: of a head, that are turned
    head: int  #: all of a head
    interleaved: bool  #: pairs are neighbours, not halves


@dataclass(frozen=True, slots=True)
class Cells:
    """The KV of one sequence, positions 0, 1, …; float16."""

    keys: Any  #: layers × cells × width
    values: Any  #: layers × cells × width, or layers × width × cells when transposed
    transposed: bool

    @property
    def count(self) -> int:
        """How many tokens it holds."""
        return int(self.keys.shape[1])


class NotJoinable(Exception):
    """This state or model is not of the form that can be joined."""


def rope_of(model: Model) -> Rope | None:
    """The rotation of a model; None for one that turns keys in a way not known here."""
    arch = model.metadata("general.architecture") or ""
    scaled = model.metadata(f"{arch}.rope.scaling.type") not in (None, "none")
    if not model.cuts or scaled or model.rope_type not in (ROPE_NORMAL, ROPE_NEOX):
        return None
    heads = int(model.metadata(f"{arch}.attention.head_count") or 0)
    width = int(model.metadata(f"{arch}.embedding_length") or 0)
    if not heads:
        return None
    head = int(model.metadata(f"{arch}.attention.key_length") or width // heads)
    return Rope(
        base=float(model.metadata(f"{arch}.rope.freq_base") or 10_000.0),
        dimensions=int(model.metadata(f"{arch}.rope.dimension_count") or head),
        head=head,
        interleaved=model.rope_type == ROPE_NORMAL,
    )


def join(state: Any, passages: Sequence[Any], skipped: int, rope: Rope) -> Any:
    """`state` followed by those of passages, without the first `skipped` cells of each.

    Raises NotJoinable.
    """
    parts = [unpack(state)]
    for passage in map(unpack, passages):
        if parts[0].transposed != passage.transposed or skipped >= passage.count:
            raise NotJoinable
        distance = sum(part.count for part in parts) - skipped
        keys = turn(passage.keys[:, skipped:], distance, rope)
        flat = passage.transposed
        values = passage.values[..., skipped:] if flat else passage.values[:, skipped:]
        parts.append(Cells(keys, values, passage.transposed))
    cells = Cells(
        np.concatenate([part.keys for part in parts], axis=1),
        np.concatenate([part.values for part in parts], axis=2 if parts[0].transposed else 1),
        parts[0].transposed,
    )
    return pack(cells, np.frombuffer(state, HEAD, count=1))


def turned(state: Any, streams: int, *, transposed: bool) -> Any:
    """The same state for a context of so many streams, whose values lie transposed or not.

    Raises NotJoinable.
    """
    cells = unpack(state)
    head = np.frombuffer(state, HEAD, count=1).copy()
    head["streams"] = streams
    values = cells.values if cells.transposed == transposed else cells.values.swapaxes(1, 2)
    return pack(Cells(cells.keys, values, transposed), head)


def turn(keys: Any, distance: int, rope: Rope) -> Any:
    """Keys moved by `distance` positions: layers × cells × width, float16."""
    half = rope.dimensions // 2
    angle = distance * rope.base ** (-2.0 * np.arange(half) / rope.dimensions)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    heads = keys.reshape(*keys.shape[:2], -1, rope.head).astype(np.float32)
    moved = heads.copy()
    if rope.interleaved:
        first, second = slice(0, rope.dimensions, 2), slice(1, rope.dimensions, 2)
    else:
        first, second = slice(0, half), slice(half, rope.dimensions)
    moved[..., first] = heads[..., first] * cos - heads[..., second] * sin
    moved[..., second] = heads[..., first] * sin + heads[..., second] * cos
    return moved.astype(np.float16).reshape(keys.shape)


def unpack(state: Any) -> Cells:
    """Read a state of one sequence. Raises NotJoinable."""
    raw = np.frombuffer(state, np.uint8)
    streams = int(np.frombuffer(raw, HEAD, count=1)["streams"][0])
    counts = raw[HEAD.itemsize :].view(np.uint8)
    place, empty = HEAD.itemsize, 0
    while empty < streams and not _uint(counts, 4 * empty):
        place, empty = place + 4, empty + 1
    if empty == streams:
        raise NotJoinable
    cells = _uint(raw, place)
    place += 4 + cells * CELL.itemsize
    transposed, layers = bool(_uint(raw, place)), _uint(raw, place + 4)
    place += 8
    keys, place = _rows(raw, place, layers, cells)
    if transposed:
        values, place = _columns(raw, place, layers, cells)
    else:
        values, place = _rows(raw, place, layers, cells)
    if place + 4 * (streams - empty - 1) != raw.size:
        raise NotJoinable
    return Cells(keys, values, transposed)


def pack(cells: Cells, head: Any) -> Any:
    """A state that llama.cpp reads, with the stream count and magic of `head`."""
    count, layers = cells.count, cells.keys.shape[0]
    table = np.zeros(count, CELL)
    table["position"], table["sequences"] = np.arange(count), 1
    around = head.copy()
    around["sequence"] = 0
    parts = [
        around.tobytes(),
        np.uint32(count).tobytes(),
        table.tobytes(),
        np.array([cells.transposed, layers], "<u4").tobytes(),
        _with_heads(cells.keys, _row_head(cells.keys.shape[2])),
        _with_heads(
            cells.values,
            _column_head(cells.values.shape[1])
            if cells.transposed
            else _row_head(cells.values.shape[2]),
        ),
        bytes(4 * (int(head["streams"][0]) - 1)),
    ]
    return pages.joined(parts)


def _rows(raw: Any, place: int, layers: int, cells: int) -> tuple[Any, int]:
    """Layers of rows, one for each cell."""
    kind, width = _uint(raw, place), _uint(raw, place + 4)
    return _layers(raw, place, layers, (cells, width // 2), kind)


def _columns(raw: Any, place: int, layers: int, cells: int) -> tuple[Any, int]:
    """Layers of values that lie transposed: a row for each dimension."""
    kind, width = _uint(raw, place), _uint(raw, place + 8)
    return _layers(raw, place, layers, (width, cells), kind)


def _layers(
    raw: Any, place: int, layers: int, shape: tuple[int, int], kind: int
) -> tuple[Any, int]:
    size = ROWS_HEAD + 2 * shape[0] * shape[1]
    end = place + layers * size
    if kind != F16 or end > raw.size:
        raise NotJoinable
    blocks = raw[place:end].reshape(layers, size)
    if (blocks[:, :ROWS_HEAD] != blocks[0, :ROWS_HEAD]).any():
        raise NotJoinable  # layers of different widths
    return np.ascontiguousarray(blocks[:, ROWS_HEAD:]).view("<f2").reshape(layers, *shape), end


def _with_heads(blocks: Any, head: bytes) -> bytes:
    layers = blocks.shape[0]
    whole = np.empty((layers, ROWS_HEAD + blocks[0].nbytes), np.uint8)
    whole[:, :ROWS_HEAD] = np.frombuffer(head, np.uint8)
    whole[:, ROWS_HEAD:] = np.ascontiguousarray(blocks).reshape(layers, -1).view(np.uint8)
    return whole.tobytes()


def _row_head(width: int) -> bytes:
    return np.uint32(F16).tobytes() + np.uint64(2 * width).tobytes()


def _column_head(width: int) -> bytes:
    return np.array([F16, 2, width], "<u4").tobytes()


def _uint(raw: Any, place: int) -> int:
    return int.from_bytes(raw[place : place + 4].tobytes(), "little")
