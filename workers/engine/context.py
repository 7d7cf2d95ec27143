"""One llama.cpp context with partitioned KV: rows in, logits and sequence states out.

Partitioned means every sequence has its own stream of `context_tokens` cells. Decoding eight
sequences then costs half of what one unified buffer costs, because no row scans foreign cells
(measured; see docs/decisions/0003-kv-layout.md). Only the scheduler's thread may use it.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Literal

import llama_cpp.llama_cpp as llama
import numpy as np

from workers.engine.model import Model
from workers.errors import EngineStopped, ModelUnusable

FLASH_ATTENTION = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a context is laid out."""

    sequences: int
    context_tokens: int  #: cells of one sequence
    batch_tokens: int  #: rows of one decode
    threads: int
    flash_attention: Literal["on", "off", "auto"]


@dataclass(frozen=True, slots=True)
class Row:
    """One token of one sequence, to be decoded."""

    token: int
    position: int
    sequence: int
    wants_logits: bool


class Context:
    """KV memory and compute buffers over a model."""

    def __init__(self, model: Model, shape: Shape) -> None:
        """Allocate the context. Raises ModelUnusable when llama.cpp refuses."""
        self.shape = shape
        self.handle = llama.llama_init_from_model(model.handle, _params(shape))
        if not self.handle:
            raise ModelUnusable(path=model.path, reason="its context could not be allocated")
        self._memory = llama.llama_get_memory(self.handle)
        self._batch = _Batch(shape.batch_tokens)

    def close(self) -> None:
        """Free the context; harmless when repeated."""
        handle, self.handle = self.handle, None
        llama.llama_free(handle)

    def decode(self, rows: list[Row]) -> None:
        """Compute the rows; positions of a sequence must continue where it ends.

        Raises EngineStopped; the caller must then forget the sequences of the rows.
        """
        code = llama.llama_decode(self.handle, self._batch.fill(rows))
        if code != 0:
            raise EngineStopped(reason=f"llama_decode returned {code}")

    def trim(self, sequence: int, length: int) -> bool:
        """Forget everything of a sequence behind its first `length` tokens.

        False, and nothing is forgotten, for a model whose memory can't be cut back there.
        """
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def save(self, sequence: int) -> bytes:
        """The KV state of a sequence."""
        size = llama.llama_state_seq_get_size(self.handle, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = llama.llama_state_seq_get_data(self.handle, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def load(self, sequence: int, state: bytes) -> bool:
        """Replace a sequence by a saved state; false when llama.cpp refuses it."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read = llama.llama_state_seq_set_data(self.handle, buffer, len(state), sequence)
        return bool(read == len(state))


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
    params.n_batch = params.n_ubatch = shape.batch_tokens
    params.n_outputs_max = shape.sequences  # else n_batch rows of the whole vocabulary
    params.n_threads = params.n_threads_batch = shape.threads
    params.flash_attn_type = FLASH_ATTENTION[shape.flash_attention]
    params.kv_unified = False
    params.no_perf = True
    return params
