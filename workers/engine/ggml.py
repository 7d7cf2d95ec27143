"""The parts of ggml beside llama.cpp's own interface that devices, here and on other hosts, need.

Pointers are declared as such: ctypes would cut them to 32 bits otherwise.
"""

import ctypes
from functools import cache
from typing import Any

import llama_cpp.llama_cpp as llama

POINTER, TEXT, SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
CPU = 0  #: GGML_BACKEND_DEVICE_TYPE_CPU
#: `ggml_set_abort_callback`: told why, before the process is aborted.
ABORTED = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
#: `get_memory` of a device: its pointer, and where free and total bytes are to be written.
MEMORY = ctypes.CFUNCTYPE(None, POINTER, ctypes.POINTER(SIZE), ctypes.POINTER(SIZE))
#: Of the functions a device's struct begins with (ggml-backend-impl.h).
MEMORY_PLACE = 2
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "ggml_set_abort_callback": (POINTER, [POINTER]),
    "ggml_backend_reg_dev_count": (SIZE, [POINTER]),
    "ggml_backend_reg_dev_get": (POINTER, [POINTER, SIZE]),
    "ggml_backend_dev_by_type": (POINTER, [ctypes.c_int]),
    "ggml_backend_dev_count": (SIZE, []),
    "ggml_backend_dev_get": (POINTER, [SIZE]),
    "ggml_backend_dev_type": (ctypes.c_int, [POINTER]),
    "ggml_backend_dev_description": (TEXT, [POINTER]),
    "ggml_backend_dev_memory": (None, [POINTER, *[ctypes.POINTER(SIZE)] * 2]),
    "ggml_backend_dev_init": (POINTER, [POINTER, TEXT]),
    "ggml_backend_free": (None, [POINTER]),
    "ggml_backend_rpc_add_server": (POINTER, [TEXT]),
    "ggml_backend_rpc_start_server": (None, [TEXT, TEXT, SIZE, SIZE, ctypes.POINTER(POINTER)]),
}


@cache
def function(name: str) -> Any:
    """One of FUNCTIONS. Raises AttributeError where the library was built without RPC.

    Looked up in what llama.cpp itself has loaded: a wheel has each library three times, as files
    of three names, and a second copy in the process would have a state of its own.
    """
    found = llama._lib[name]  # noqa: SLF001 - the only handle there is
    found.restype, found.argtypes = FUNCTIONS[name]
    return found


def memory(device: int) -> tuple[int, int]:
    """Free and all bytes of a device."""
    free, total = SIZE(), SIZE()
    function("ggml_backend_dev_memory")(device, ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value
