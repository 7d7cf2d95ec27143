"""llama.cpp's starting flags and what stands for each of them here, for who knows them by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.engine import devices, locking, parts
from workers.engine.profile import Profile
from workers.engine.topology import Topology
from workers.settings import Settings

#: In the words of llama.cpp, whose own placing stays off: it moves no memory.
NUMA = {
    "auto": "a worker on each node, where there are several",
    "per-node": "a worker on each node",
    "interleave": "distribute: one worker on all nodes, its pages by turns",
    "isolate": "isolate: one worker on one node",
    "off": "off, or numactl: as the worker was started",
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One of them. A `fault` says why it is not as wanted, `way_out` what helps."""

    name: str
    value: str
    setting: str  #: the variable that fixes it
    fault: str = ""
    way_out: str = ""

    @property
    def found(self) -> str:
        """The value, and what would change it."""
        return f"{self.value} ({self.setting})"


def flags(profile: Profile, settings: Settings, machine: Topology, file: Path) -> Iterator[Flag]:
    """In the order of the guide; host and port are the service's."""
    cores = f"of {machine.cores} physical cores"
    yield Flag("--threads", f"{profile.threads} {cores}", "LECTERN_THREADS")
    yield Flag("--threads-batch", f"{profile.prefill_threads} {cores}", "LECTERN_PREFILL_THREADS")
    sequences = max(1, settings.batch_slots) + settings.interactive_slots
    context = f"{settings.context} for each of {sequences} sequences"
    yield Flag("--ctx-size", context, "LECTERN_CONTEXT")
    yield Flag("--batch-size", str(profile.step_tokens), "LECTERN_BATCH")
    yield Flag("--ubatch-size", str(profile.ubatch_tokens), "LECTERN_UBATCH")
    yield _mlock(profile, file)
    yield Flag("--mmap", "on" if profile.mmap else "off: a copy of its own", "LECTERN_MMAP")
    yield Flag("--numa", NUMA[settings.numa], "LECTERN_NUMA")
    yield _gpu(profile.gpu_layers)


def _mlock(profile: Profile, file: Path) -> Flag:
    fault = locking.shortfall(parts.size(file)) if profile.mlock else ""
    value = "on" if profile.mlock else "off"
    return Flag("--mlock", value, "LECTERN_MLOCK", fault, locking.WAY_OUT if fault else "")


def _gpu(layers: int) -> Flag:
    found = ", ".join(devices.gpus())
    value = f"{layers if layers >= 0 else 'all'}; {found or 'no GPU that this build knows'}"
    fault = "" if found or not layers else f"{layers} wanted, but llama.cpp knows no GPU here"
    way_out = devices.WAY_OUT if fault else ""
    return Flag("--n-gpu-layers", value, "LECTERN_GPU_LAYERS", fault, way_out)
