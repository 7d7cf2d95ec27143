"""Which values of which knobs are worth trying on this machine, the most telling first."""

import ctypes
import mmap
import resource
from pathlib import Path

from workers.engine.memory import available
from workers.engine.profile import SHIPPED, Choice
from workers.engine.topology import Topology
from workers.engine.tuner import Knob

#: None is OpenMP's own way: it spins for a millisecond before it sleeps.
WAITING = (None, "spin:10000", "passive")
#: Share of the free memory that may be locked.
LOCKED_SHARE = 0.5


def knobs(machine: Topology, *, quick: bool) -> tuple[Knob, ...]:
    """The knobs in the order they are settled in; `quick` leaves out what seldom matters."""
    every = ("prefill", "decode8", "question", "decode1")
    formats = ("F16", "Q8_0") if quick else ("F16", "Q8_0", SHIPPED)
    threads = _threads(machine)
    wanted = [
        # First, because what is measured afterwards suffers less from whoever else is busy.
        Knob("wait_policy", WAITING, ("decode8", "decode1", "crowded")),
        Knob("weights", formats, every),
        Knob("flash_attention", (False, True), ("question", "decode1")),
        Knob("batch_flash_attention", (False, True), ("prefill", "decode8")),
        Knob("threads", threads, ("decode1", "crowded")),
        Knob("prefill_threads", threads, ("prefill", "decode8")),
        None if quick else Knob("repack", (True, False), every),
        None if quick else Knob("ubatch_tokens", (512, 256, 1024, 2048), ("prefill",)),
    ]
    return tuple(knob for knob in wanted if knob is not None)


def _threads(machine: Topology) -> tuple[int, ...]:
    """All cores, parts of them, all but one for the rest of Lectern, and hyper-threads too."""
    cores = machine.cores
    counts = {cores, cores - 1, cores * 3 // 4, cores // 2}
    if machine.quota is None and machine.hyper_threads:
        counts.add(cores + machine.hyper_threads)
    return tuple(sorted((count for count in counts if count > 0), reverse=True))


def locking(path: Path) -> Choice:
    """Whether the weights may be locked in memory: tried, for the limit alone doesn't tell."""
    size = path.stat().st_size
    if size > LOCKED_SHARE * available():
        return Choice("mlock", "False", "they would take more than half of the free memory", 0.0)
    if _lockable(path):
        return Choice("mlock", "True", f"{size / 1e6:,.0f} MB can be locked", 0.0)
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    way_out = "LimitMEMLOCK=infinity, `ulimit -l unlimited` or --ulimit memlock=-1 raises it"
    reason = f"the limit is {limit / 1e6:,.0f} MB, the file {size / 1e6:,.0f} MB; {way_out}"
    return Choice("mlock", "False", reason, 0.0)


def _lockable(path: Path) -> bool:
    """Lock the file's pages and let them go."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as pages:
        first = ctypes.c_char.from_buffer(pages)
        try:
            place, size = ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(pages))
            locked = libc.mlock(place, size) == 0
            libc.munlock(place, size)
        finally:
            del first  # the mapping can't be closed while something points into it
    return bool(locked)
