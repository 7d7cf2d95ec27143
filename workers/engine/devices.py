"""GPUs: those that llama.cpp was built for and that this machine has."""

import structlog

from workers.engine import ggml

#: GPUs with memory of their own, and those that share the machine's (`ggml_backend_dev_type`).
GPUS = (1, 2)
WAY_OUT = "CMAKE_ARGS=-DGGML_CUDA=ON make clean run builds for NVIDIA's (GGML_VULKAN, GGML_HIP: …)"

log = structlog.get_logger()


def gpus() -> tuple[str, ...]:
    """Their names; none where the library was built without a backend for them."""
    found = []
    for number in range(ggml.function("ggml_backend_dev_count")()):
        device = ggml.function("ggml_backend_dev_get")(number)
        if ggml.function("ggml_backend_dev_type")(device) in GPUS:
            name = ggml.function("ggml_backend_dev_description")(device)
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
