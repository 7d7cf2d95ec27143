"""GPUs: those that llama.cpp was built for and that this machine has."""

import ctypes
from typing import Any

import llama_cpp.llama_cpp as llama
import structlog

#: GPUs with memory of their own, and those that share the machine's (`ggml_backend_dev_type`).
GPUS = (1, 2)
WAY_OUT = "CMAKE_ARGS=-DGGML_CUDA=ON make clean run builds for NVIDIA's (GGML_VULKAN, GGML_HIP: …)"

log = structlog.get_logger()


def gpus() -> tuple[str, ...]:
    """Their names; none where the library was built without a backend for them."""
    count = _asked("ggml_backend_dev_count", ctypes.c_size_t)
    found = []
    for number in range(count()):
        device = _asked("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)(number)
        if _asked("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(device) in GPUS:
            name = _asked("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)(device)
            found.append(name.decode("utf-8", "replace"))
    return tuple(found)


def offloaded(layers: int) -> int:
    """How many layers can go to a GPU of those wanted: all or none. What can't is logged."""
    if layers and not gpus():
        log.warning(
            "no_gpu", gpu_layers=layers, reason="none that llama.cpp knows", way_out=WAY_OUT
        )
        return 0
    return layers


def _asked(name: str, gives: Any, *takes: Any) -> Any:
    """A function of ggml, by way of the library that the bindings have loaded.

    Any other copy of ggml in the wheel would have devices of its own.
    """
    function = getattr(llama._lib, name)  # noqa: SLF001 - the only handle there is
    function.restype, function.argtypes = gives, takes
    return function
