"""One llama.cpp context with partitioned KV: rows in, logits and sequence states out.

Partitioned means every sequence has its own stream of `context_tokens` cells. Decoding eight
sequences then costs half of what one unified buffer costs, because no row scans foreign cells
(measured; see docs/decisions/0003-kv-layout.md). Only the scheduler's thread may use it.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from workers.engine import pages
from workers.engine.model import Model
from workers.errors import EngineStopped, ModelUnusable

#: `llama_decode` says so after the abort callback stopped it.
INTERRUPTED = 2
KV_TYPES = {"f16": llama.GGML_TYPE_F16, "q8_0": llama.GGML_TYPE_Q8_0}
#: The abort callback is libc's strlen over two bytes that we write: 0 goes on, 1 stops. It is
#: asked after every node of the graph; a Python function would have to wait for the GIL each time.
STRLEN = ctypes.cast(ctypes.CDLL(None).strlen, llama.ggml_abort_callback)
GO_ON, STOP = b"\0", b"\1"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a context is laid out."""

    sequences: int
    context_tokens: int  #: cells of one sequence
    batch_tokens: int  #: rows of one decode
    ubatch_tokens: int  #: rows computed at once
    threads: int  #: for a single row
    prefill_threads: int  #: for more rows
    flash_attention: bool
    kv_type: str = "f16"
    outputs: int = 64  #: rows of one decode that may want logits


@dataclass(frozen=True, slots=True)
class Row:
    """One token of one sequence, to be decoded."""

    token: int
    position: int
    sequence: int
    wants_logits: bool


class Context:
    """KV memory and compute buffers over a model."""

    def __init__(self, model: Model, shape: Shape, observed_by: Any = None) -> None:
        """Allocate the context. Raises ModelUnusable when llama.cpp refuses.

        `observed_by`, a `ggml_backend_sched_eval_callback`, is called for every node of the graph.
        """
        self.shape = shape
        self._observed_by = observed_by  # kept: llama.cpp only borrows the pointer
        params = _params(shape)
        if observed_by is not None:
            params.cb_eval = observed_by
        self.handle = llama.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise ModelUnusable(path=model.path, reason="its context could not be allocated")
        self._memory = llama.llama_get_memory(self.handle)
        self._batch = _Batch(shape.batch_tokens)
        self._remote = model.remote is not None
        self._stop = ctypes.create_string_buffer(2)
        llama.llama_set_abort_callback(self.handle, STRLEN, ctypes.addressof(self._stop))

    def close(self) -> None:
        """Free the context; harmless when repeated."""
        handle, self.handle = self.handle, None
        llama.llama_free(handle)

    def decode(self, rows: list[Row]) -> bool:
        """Compute the rows; positions of a sequence must continue where it ends.

        False when `interrupt` stopped it: then `length` tells how much of each sequence is there.
        Raises EngineStopped; the caller must then forget the sequences of the rows.
        """
        code = llama.llama_decode(self.handle, self._batch.fill(rows))
        if self._remote:  # they compute on after `llama_decode` has returned
            llama.llama_synchronize(self.handle)
        if code not in (0, INTERRUPTED):
            raise EngineStopped(reason=f"llama_decode returned {code}")
        return bool(code == 0)

    def interrupt(self) -> None:
        """Stop the decode in progress within milliseconds, and each later one until `go_on`.

        From any thread.
        """
        self._stop[0] = STOP

    def go_on(self) -> None:
        """Take an interruption back."""
        self._stop[0] = GO_ON

    def length(self, sequence: int) -> int:
        """How many tokens of a sequence are there."""
        return int(llama.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def copy(self, source: int, target: int) -> bool:
        """Make `target` hold what `source` holds; false when llama.cpp refuses.

        By its state, because `llama_memory_seq_cp` between streams happens in the next decode only,
        and would write over what was loaded meanwhile; it also copies the cells not in use.
        """
        return self.load(target, self.save(source))

    def trim(self, sequence: int, length: int) -> bool:
        """Forget everything of a sequence behind its first `length` tokens.

        False, and nothing is forgotten, for a model whose memory can't be cut back there.
        """
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def save(self, sequence: int) -> Any:
        """The KV state of a sequence: uint8, one dimension."""
        size = llama.llama_state_seq_get_size(self.handle, sequence)
        state = pages.empty(size)
        written = llama.llama_state_seq_get_data(
            self.handle, _pointer(state, ctypes.c_uint8), size, sequence
        )
        return state[:written]

    def load(self, sequence: int, state: Any) -> bool:
        """Replace a sequence by a saved state; false when llama.cpp refuses it."""
        read = llama.llama_state_seq_set_data(
            self.handle, _pointer(state, ctypes.c_uint8), state.size, sequence
        )
        return bool(read == state.size)


class _Batch:
    """A `llama_batch` over arrays of our own: filling it is a few vector copies."""

    def __init__(self, capacity: int) -> None:
        self._token = np.zeros(capacity, np.int32)
        self._position = np.zeros(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._logits = np.zeros(capacity, np.int8)
        self._counts = np.ones(capacity, np.int32)
        base, width = self._sequence.ctypes.data, self._sequence.itemsize
        self._pointers = np.array([base + width * row for row in range(capacity)], np.uintp)
        self._batch = llama.llama_batch(
            0,
            _pointer(self._token, llama.llama_token),
            None,
            _pointer(self._position, llama.llama_pos),
            _pointer(self._counts, ctypes.c_int32),
            _pointer(self._pointers, ctypes.POINTER(llama.llama_seq_id)),
            _pointer(self._logits, ctypes.c_int8),
        )

    def fill(self, rows: list[Row]) -> Any:
        count = len(rows)
        self._token[:count] = [row.token for row in rows]
        self._position[:count] = [row.position for row in rows]
        self._sequence[:count] = [row.sequence for row in rows]
        self._logits[:count] = [row.wants_logits for row in rows]
        self._batch.n_tokens = count
        return self._batch


def _pointer(array: Any, kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


def _params(shape: Shape) -> Any:
    params = llama.llama_context_default_params()
    params.n_ctx = shape.sequences * shape.context_tokens
    params.n_seq_max = shape.sequences
    params.n_batch = shape.batch_tokens
    params.n_ubatch = min(shape.ubatch_tokens, shape.batch_tokens)
    params.n_outputs_max = max(shape.sequences, shape.outputs)  # else n_batch × the vocabulary
    params.n_threads, params.n_threads_batch = shape.threads, shape.prefill_threads
    params.flash_attn_type = (
        llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if shape.flash_attention
        else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    params.type_k = params.type_v = KV_TYPES[shape.kv_type]
    params.kv_unified = False
    params.no_perf = True
    return params
