"""A node of llama.cpp's graph, as it lies in memory: operation, shape, strides, data.

`struct ggml_tensor` of ggml/include/ggml.h as of the pinned version. The bindings know nothing of
it, so `check` compares what we read of a tensor with what ggml itself says.
"""

import ctypes
from functools import cache
from typing import Any

import numpy as np
from llama_cpp._ggml import libggml

from workers.engine.library import LibraryUnusable

DIMENSIONS, SOURCES, PARAMETERS, NAME = 4, 10, 16, 64
F32, I32 = 0, 26  #: `enum ggml_type`
MOST_OPERATIONS = 200


class Tensor(ctypes.Structure):
    """`struct ggml_tensor`, up to its name."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * DIMENSIONS),
        ("nb", ctypes.c_size_t * DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * PARAMETERS),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * SOURCES),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * NAME),
    )


def at(address: int) -> Any:
    """The tensor at an address; it is valid while the library is."""
    return Tensor.from_address(address)


def source(tensor: Any, number: int) -> Any:
    """What an operation works on; None when there is no such operand."""
    address = tensor.src[number]
    return at(address) if address else None


def shape(tensor: Any) -> tuple[int, ...]:
    """Elements in each dimension, the innermost first, as ggml counts them."""
    return tuple(tensor.ne)


def values(tensor: Any) -> Any:
    """The numbers of an F32 or I32 tensor in this process's memory, the outermost dimension first.

    A view, not a copy: read it before the callback returns.
    """
    kind = {F32: np.float32, I32: np.int32}[tensor.type]
    size = _ggml().ggml_nbytes(ctypes.addressof(tensor))
    raw = (ctypes.c_uint8 * size).from_address(tensor.data)
    strides = tuple(reversed(tensor.nb))
    return np.ndarray(tuple(reversed(tensor.ne)), kind, raw, strides=strides)


def on_host(tensor: Any) -> bool:
    """Whether the numbers lie where this process can read them."""
    return bool(tensor.buffer and _ggml().ggml_backend_buffer_is_host(tensor.buffer))


@cache
def operation(name: str) -> int:
    """The number that an operation has in the installed library."""
    for number in range(MOST_OPERATIONS):
        if _ggml().ggml_op_name(number) == name.encode():
            return number
    raise LibraryUnusable(reason=f"it has no operation {name}")


def check(tensor: Any) -> None:
    """Raise LibraryUnusable unless ggml sees the tensor as we do."""
    address = ctypes.addressof(tensor)
    rows = tensor.ne[1] * tensor.ne[2] * tensor.ne[3]
    named = _ggml().ggml_get_name(address) == tensor.name
    if not named or _ggml().ggml_nrows(address) != rows:
        raise LibraryUnusable(reason="its tensors are laid out differently")


@cache
def _ggml() -> Any:
    """ggml's functions that we call, with their types."""
    told = {
        "ggml_nbytes": (ctypes.c_size_t, ctypes.c_void_p),
        "ggml_nrows": (ctypes.c_int64, ctypes.c_void_p),
        "ggml_get_name": (ctypes.c_char_p, ctypes.c_void_p),
        "ggml_op_name": (ctypes.c_char_p, ctypes.c_int),
        "ggml_backend_buffer_is_host": (ctypes.c_bool, ctypes.c_void_p),
    }
    for name, (result, argument) in told.items():
        function = getattr(libggml, name)
        function.restype, function.argtypes = result, [argument]
    return libggml
