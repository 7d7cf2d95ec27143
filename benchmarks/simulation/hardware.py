"""Costs derived from bandwidth and arithmetic, for machines that we don't have.

The formulas and constants are those of `lectern plan` (workers/planning, docs/capacity.md). What is
published differs from such figures by up to a half either way: they choose between policies, and
no more.
"""

from dataclasses import asdict

from benchmarks.simulation.costs import Costs, Curve
from workers.planning import hardware, models, rates
from workers.planning.hardware import Hardware
from workers.planning.models import Planned

ROWS = (1, 2, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 2_048)
ANSWERS = (1, 2, 4, 6, 8, 12, 16, 32, 64)
COPY_BANDWIDTH = 5e9  #: bytes/s at which a kept prefix is brought into a slot

#: An engine on each socket, its weights in the memory beside it.
MACHINES = {"1x16": hardware.find("7950X"), "2x64": hardware.find("EPYC 9554", 2)}
MODELS = {name: models.named(name) for name in ("8B", "14B", "32B", "70B")}


def derived(machine: Hardware, model: Planned, name: str = "") -> Costs:
    """The costs of a model on a machine."""
    demand, speed = model.demand, machine.speed()
    return Costs(
        name=name,
        prompts=Curve(
            ROWS,
            tuple(rates.step_seconds(demand, speed, rows, sampled=1) for rows in ROWS),
            tuple(rates.cell_seconds(demand, speed, rows) for rows in ROWS),
        ),
        answers=Curve(
            ANSWERS,
            tuple(rates.step_seconds(demand, speed, rows) for rows in ANSWERS),
            (rates.cell_seconds(demand, speed, 1),) * len(ANSWERS),
        ),
        restore=demand.cell_bytes / COPY_BANDWIDTH,
        engines=machine.sockets,
        detail={"machine": asdict(machine), "demand": asdict(demand)},
    )
