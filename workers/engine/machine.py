"""Which machine and which build of the library a measurement holds for. Loads no library."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from workers.engine.fingerprint import fingerprint
from workers.engine.topology import ROOT, usable_cores

LIBRARY, PACKAGE, KERNELS = "llama-cpp-python", "llama_cpp", "lib/libggml-cpu.so"
GIGABYTE = 1 << 30


@dataclass(frozen=True, slots=True)
class Machine:
    """All that may change what is fast."""

    cpu: str
    flags: str
    cores: int
    memory_gb: int
    library: str  #: version, and size of the compiled kernels

    def key(self, model: Path) -> str:
        """Names what was measured for a model file here."""
        facts = json.dumps([asdict(self), fingerprint(model)], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:24]


def machine(root: Path = ROOT) -> Machine:
    """The machine this process runs on, as far as it may use it."""
    cpu, flags = _cpu(root / "proc/cpuinfo")
    return Machine(
        cpu=cpu,
        flags=flags,
        cores=usable_cores(root),
        memory_gb=round(psutil.virtual_memory().total / GIGABYTE),
        library=_library(),
    )


def _cpu(source: Path) -> tuple[str, str]:
    """Name and instruction sets, as the kernel tells them of the first processor."""
    told: dict[str, str] = {}
    if source.is_file():
        for line in source.read_text().partition("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            told[name.strip()] = value.strip()
    flags = told.get("flags") or told.get("Features") or ""
    return told.get("model name", "unknown"), " ".join(sorted(flags.split()))


def _library() -> str:
    """A build with other instruction sets has the same version, though hardly the same size."""
    try:
        found = version(LIBRARY)
    except PackageNotFoundError:
        return "none"
    spec = find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    kernels = [Path(place) / KERNELS for place in places]
    return " ".join([found, *(str(one.stat().st_size) for one in kernels if one.is_file())])
