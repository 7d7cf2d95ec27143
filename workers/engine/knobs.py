"""Which values of which knobs are worth trying on this machine, the most telling first."""

from workers.engine.profile import SHIPPED
from workers.engine.topology import Topology
from workers.engine.tuner import Knob

#: None is OpenMP's own way: it spins for a millisecond before it sleeps.
WAITING = (None, "spin:10000", "passive")


def knobs(machine: Topology, *, quick: bool, bfloat16: bool) -> tuple[Knob, ...]:
    """The knobs in the order they are settled in; `quick` leaves out what seldom matters.

    `bfloat16`: the processor has units for it.
    """
    every = ("prefill", "decode8", "question", "decode1")
    formats = ("F16", "BF16" if bfloat16 else None, "Q8_0", None if quick else SHIPPED)
    threads = _threads(machine)
    wanted = [
        # First, because what is measured afterwards suffers less from whoever else is busy.
        Knob("wait_policy", WAITING, ("decode8", "decode1", "crowded")),
        Knob("weights", tuple(filter(None, formats)), every),
        Knob("flash_attention", (False, True), ("question", "decode1")),
        Knob("batch_flash_attention", (False, True), ("prefill", "decode8")),
        Knob("threads", threads, ("decode1", "crowded")),
        Knob("prefill_threads", threads, ("prefill", "decode8")),
        None if quick else Knob("repack", (True, False), every),
        None if quick else Knob("ubatch_tokens", (512, 256, 1024, 2048), ("prefill",)),
        None if quick else Knob("batch_tokens", (512, 1024, 2048), ("prefill",)),
    ]
    return tuple(knob for knob in wanted if knob is not None)


def _threads(machine: Topology) -> tuple[int, ...]:
    """All cores, parts of them, all but one for the rest of Lectern, and hyper-threads too.

    The tuner begins with the profile's: three quarters where there are many (`profile.fallback`).
    """
    cores = machine.cores
    counts = {cores, cores - 1, cores * 3 // 4, cores // 2}
    if machine.quota is None and machine.hyper_threads:
        counts.add(cores + machine.hyper_threads)
    return tuple(sorted((count for count in counts if count > 0), reverse=True))
