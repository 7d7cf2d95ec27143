"""The machine that was asked for: a known one, a described one, or both."""

from dataclasses import replace

from workers.planning import hardware
from workers.planning.asked import Asked
from workers.planning.errors import HardwareUntold
from workers.planning.hardware import GIGA, Hardware

TERA = 1e12


def described(asked: Asked) -> Hardware:
    """What is said of the machine; what is not said is assumed, and listed.

    Raises HardwareUnknown, HardwareUntold or MemoryUnclear.
    """
    sockets = asked.sockets or 1
    machine = hardware.find(asked.hardware, sockets) if asked.hardware else _blank(asked, sockets)
    bandwidth = hardware.bandwidth(asked.memory) if asked.memory else asked.bandwidth * GIGA
    if not (bandwidth or machine.bandwidth):
        raise HardwareUntold
    return replace(
        machine,
        cores=asked.cores or machine.cores,
        clock=asked.clock or machine.clock,
        instructions=asked.instructions or machine.instructions,
        bandwidth=bandwidth or machine.bandwidth,
        operations=asked.flops * TERA,
        memory=round(asked.memory_gb * GIGA),
        watts=asked.watts or machine.watts,
    )


def this() -> Hardware:
    """The machine this runs on, as measured. Raises NotMeasured, ModelMissing or ModelUnusable."""
    from workers.planning.here import here  # noqa: PLC0415 - psutil, the profile and its model

    return here()


def _blank(asked: Asked, sockets: int) -> Hardware:
    given = {
        f"{hardware.ASSUMED_CORES} cores a socket (--cores)": asked.cores or asked.flops,
        f"{hardware.ASSUMED_CLOCK} GHz with all cores (--clock)": asked.clock or asked.flops,
        f"{hardware.ASSUMED_INSTRUCTIONS} (--instructions)": asked.instructions or asked.flops,
    }
    return Hardware(
        name="as described",
        sockets=sockets,
        cores=hardware.ASSUMED_CORES,
        clock=hardware.ASSUMED_CLOCK,
        instructions=hardware.ASSUMED_INSTRUCTIONS,
        bandwidth=0.0,
        source="the command line",
        assumed=tuple(text for text, said in given.items() if not said),
    )
