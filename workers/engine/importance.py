"""How much each input of a model's matrices is used by a text: its importance matrix.

For every matrix of a block the squares of what it is multiplied with are added up, column by
column, over all tokens of the text: what llama.cpp's tools/imatrix collects, from the same
callback, which sees each node of the graph when it has been computed. A quantiser rounds the
columns that matter most with the most care.
"""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from ingest.compute import compute
from workers.engine import tensors
from workers.engine.chunks import CHUNK, chunked, reader
from workers.engine.context import Context, Row
from workers.engine.model import Model
from workers.errors import EngineStopped

#: Fewer rows are what an answer is written with; upstream leaves them out too.
FEWEST_ROWS = 16
BLOCKS = "blk."


@dataclass(slots=True)
class Sums:
    """What was collected for one weight: of each of its matrices (experts) a row."""

    squares: Any  #: float64, matrices × columns
    counts: Any  #: int64, tokens: of each expert, or one number for all matrices


@dataclass(frozen=True, slots=True)
class Importance:
    """An importance matrix."""

    weights: dict[str, Sums] = field(default_factory=dict)  #: by the name of the weight
    chunks: int = 0
    chunk: int = CHUNK  #: tokens of a chunk
    datasets: tuple[str, ...] = ()  #: what text it was computed from
    sentences: frozenset[int] = frozenset()  #: digests of what that text says; empty: not told

    def means(self) -> dict[str, Any]:
        """What a quantiser is given: float32, the mean square of each column, flat.

        An expert that was never asked counts every column alike.
        """
        return {name: _means(sums) for name, sums in self.weights.items()}


def _means(sums: Sums) -> Any:
    counts = np.broadcast_to(sums.counts, len(sums.squares))[:, None]
    means = np.where(counts > 0, sums.squares / np.maximum(counts, 1), 1.0)
    return np.ascontiguousarray(means.reshape(-1), np.float32)


def collect(
    path: Path, text: str, most: int | None, told: Callable[[int, int], None]
) -> Importance:
    """Read `text` with the model in `path`, at most `most` chunks of it.

    `told` hears how many chunks of how many are done. Returns an Importance without chunks for a
    text that is shorter than one. Raises ModelMissing, ModelUnusable or LibraryUnusable.
    """
    collector = Collector()
    with closing(Model(path)) as model:
        chunks = chunked(model, text, most)
        with reader(model, observed_by=collector.callback) as context:
            for number, chunk in enumerate(chunks, start=1):
                _read(context, chunk)
                collector.require()
                told(number, len(chunks))
    return Importance(dict(sorted(collector.weights.items())), len(chunks))


def _read(context: Context, chunk: Sequence[int]) -> None:
    """All rows want logits: else the last block leaves out those whose output nobody asks for."""
    context.trim(0, 0)
    with compute.turn():
        context.decode([Row(token, place, 0, True) for place, token in enumerate(chunk)])


class Collector:
    """Sees every node of the graph, and adds up what the weights of blocks are multiplied with."""

    def __init__(self) -> None:
        self.weights: dict[str, Sums] = {}
        #: For a context; keep this object as long as the context.
        self.callback = llama.ggml_backend_sched_eval_callback(self._see)
        self._dense = tensors.operation("MUL_MAT")
        self._chosen = tensors.operation("MUL_MAT_ID")
        self._checked = False
        self._fault: Exception | None = None

    def require(self) -> None:
        """Raise what went wrong inside the library's call, where nothing can be raised."""
        if self._fault is not None:
            raise self._fault

    def _see(self, address: int, asked: bool, _data: Any) -> bool:
        """Whether the node interests us, and, once it is computed, whether to go on."""
        try:
            node = tensors.at(address)
            if node.op not in (self._dense, self._chosen):
                return not asked
            return self._wanted(node) if asked else self._add(node)
        except Exception as fault:  # noqa: BLE001 - it would vanish in C; `require` raises it
            self._fault = fault
            return False

    def _wanted(self, node: Any) -> bool:
        if node.op == self._chosen:
            return True
        weight, given = tensors.source(node, 0), tensors.source(node, 1)
        if given.ne[1] < FEWEST_ROWS or given.type != tensors.F32:
            return False
        return _name(weight).startswith(BLOCKS)

    def _add(self, node: Any) -> bool:
        weight, given = tensors.source(node, 0), tensors.source(node, 1)
        if not self._checked:
            tensors.check(weight)
            self._checked = True
        if not tensors.on_host(given):
            raise EngineStopped(reason="the activations are in the memory of a device")
        if node.op == self._chosen:
            self._add_chosen(_name(weight), weight, given, tensors.source(node, 2))
        else:
            self._add_dense(_name(weight), weight, given)
        return True

    def _add_dense(self, name: str, weight: Any, given: Any) -> None:
        _, _, planes, volumes = tensors.shape(weight)
        sums = self._sums(name, planes * volumes, given.ne[0], 1)
        squares = np.square(tensors.values(given), dtype=np.float64).sum(axis=2)
        for outer, inner in np.ndindex(squares.shape[:2]):
            sums.squares[(outer % volumes) * planes + inner % planes] += squares[outer, inner]
        sums.counts += given.ne[1] * given.ne[2] * given.ne[3] // (planes * volumes)

    def _add_chosen(self, name: str, weight: Any, given: Any, chosen: Any) -> None:
        """Of a mixture of experts: each token's row counts for the experts that it was sent to."""
        experts = tensors.shape(weight)[2]
        sums = self._sums(name, experts, given.ne[0], experts)
        rows = tensors.values(given)[0]  # tokens × slots, or one for all × columns
        sent = tensors.values(chosen)[0, 0]  # tokens × slots
        for slot in range(sent.shape[1]):
            squares = np.square(rows[:, slot % rows.shape[1]], dtype=np.float64)
            for expert in np.unique(sent[:, slot]):
                here = sent[:, slot] == expert
                sums.squares[expert] += squares[here].sum(axis=0)
                sums.counts[expert] += np.count_nonzero(here)

    def _sums(self, name: str, matrices: int, columns: int, counts: int) -> Sums:
        found = self.weights.get(name)
        if found is None:
            found = Sums(np.zeros((matrices, columns)), np.zeros(counts, np.int64))
            self.weights[name] = found
        return found


def _name(weight: Any) -> str:
    """Without what a backend puts around it: `CUDA0#blk.0.attn_k.weight#0`."""
    raw = bytes(weight.name).decode("utf-8", "replace")
    return raw.split("#")[1] if "#" in raw else raw


def as_given(means: dict[str, Any]) -> Any:
    """An importance matrix as `llama_model_quantize` takes it; keep `means` until it returns."""
    array = (llama.llama_model_imatrix_data * (len(means) + 1))()  # the last one ends it
    for place, (name, values) in zip(array, means.items(), strict=False):
        place.name = name.encode()
        place.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        place.size = values.size
    return array
