"""What a machine gives an engine: constants from measurements, each with its source.

`hardware.csv` holds known machines. The constants below turn data sheets into what llama.cpp gets
in practice; docs/capacity.md says what each was set by, and `check` how far the results are off.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from workers.planning.errors import HardwareUnknown, MemoryUnclear
from workers.planning.rates import Speed

TABLE = Path(__file__).with_name("hardware.csv")
GIGA = 1e9

#: Of a socket's peak: a 7950X decodes an 8B at 61 to 64 of 96 GB/s (performance.md §7).
BANDWIDTH_SHARE = 0.65
#: What is left of that with one engine over several sockets and each page on one of them: the
#: middle of the published pairs, 0.37 to 0.99 (llama.cpp #27986, #18697, #11744).
SPREAD_SHARE = 0.6
#: Weights of less than eight bits that a core unpacks in a cycle: 3.5 on a Xeon 4514Y (#18697), 2.3
#: on a Granite Rapids, 2.6 by the 60 cores that saturate an EPYC 9654 (#6434).
UNPACKING = 3.0
#: Bytes of wider weights that a core reads in a second: dual 9175F, 608 GB/s with 32 (#11744).
STREAMING = 19e9
#: Operations of a core in a cycle, in products of packed weights of many rows.
#: avx2: #8713 (6 threads), #19012; avx512 (VNNI): a 7950X, between llama.cpp of 2024 and
#: ik_llama.cpp; neon (i8mm): assumed.
OPERATIONS: Mapping[str, float] = {"avx2": 36.0, "avx512": 48.0, "neon": 24.0}
#: So many cores more halve what each of them does: 64 of an EPYC do 41 % of 64 times one (#19012).
SCALING = 44.0
BARRIER_PER_CORE = 8e-8  #: seconds
#: What stands in for what was not said.
ASSUMED_CORES, ASSUMED_CLOCK, ASSUMED_INSTRUCTIONS = 32, 3.0, "avx2"

MEMORY = re.compile(r"(lp)?ddr[345]x?-(\d{3,5})x(\d{1,2})", re.IGNORECASE)
BYTES_PER_TRANSFER = 8  #: of a channel of 64 bits


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine of equal sockets, each with memory of its own."""

    name: str
    sockets: int
    cores: int  #: of a socket, hyper-threads not counted
    clock: float  #: GHz while all cores are busy
    instructions: str  #: avx2, avx512 or neon
    bandwidth: float  #: bytes/s of a socket's memory, by its data sheet
    source: str
    memory: int = 0  #: bytes of all sockets; 0: not told
    watts: float = 0.0  #: of all of it
    operations: float = 0.0  #: a second and socket, if somebody measured them
    measured: Speed | None = None  #: by the tuner, for all of the machine
    assumed: tuple[str, ...] = ()

    def speed(self, sockets: int = 1, *, local: bool = True) -> Speed:
        """What an engine over so many sockets gets.

        `local`: each core finds its weights in its own socket's memory. That is so for one socket,
        and for several only where weights were put so with care.
        """
        if self.measured:
            return self.measured
        share = 1.0 if local else SPREAD_SHARE
        cores = self.cores * sockets
        peak = self.bandwidth * sockets * BANDWIDTH_SHARE
        return Speed(
            bandwidth=min(peak, cores * STREAMING) * share,
            unpacking=cores * self.clock * GIGA * UNPACKING * share,
            operations=self._operations(cores, sockets) * share,
            barrier=BARRIER_PER_CORE * cores,
        )

    def _operations(self, cores: int, sockets: int) -> float:
        if self.operations:
            return self.operations * sockets
        alone = OPERATIONS[self.instructions] * self.clock * GIGA
        return alone * cores / (1 + (cores - 1) / SCALING)


@cache
def table() -> tuple[Hardware, ...]:
    """Machines that are known, one socket each."""
    with TABLE.open(newline="") as file:
        return tuple(
            Hardware(
                name=row["name"],
                sockets=1,
                cores=int(row["cores"]),
                clock=float(row["clock"]),
                instructions=row["instructions"],
                bandwidth=bandwidth(row["memory"]),
                watts=float(row["watts"] or 0),
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


def find(name: str, sockets: int = 1) -> Hardware:
    """The machine of a name, or of its last words, in any case. Raises HardwareUnknown."""
    for machine in table():
        if f" {machine.name}".casefold().endswith(f" {name.strip()}".casefold()):
            return replace(machine, sockets=sockets, watts=machine.watts * sockets)
    raise HardwareUnknown(name=name, names=", ".join(machine.name for machine in table()))


def bandwidth(memory: str) -> float:
    """Bytes/s of `ddr5-4800x12`: transfers a second × 8 bytes × channels. Raises MemoryUnclear."""
    found = MEMORY.fullmatch(memory.strip())
    if not found:
        raise MemoryUnclear(text=memory)
    return int(found[2]) * 1e6 * BYTES_PER_TRANSFER * int(found[3])
