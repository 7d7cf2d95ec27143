"""Costs derived from bandwidth and arithmetic, for machines that we don't have.

By performance.md §7. A ubatch of n rows takes as long as the slower of reading the weights once
and computing them n times:

    base(n)  = max(weight bytes / bandwidth, 2 × parameters × n / flops) + barriers
    slope(n) = max(KV bytes of a cell / (bandwidth × n), 4 × heads × width × layers / (flops / 2))

for n rows of one sequence; rows of different sequences each read KV of their own. What is published
differs from such figures by up to a third either way: they choose between policies, and no more.
"""

from dataclasses import asdict, dataclass

from benchmarks.simulation.costs import Costs, Curve

ROWS = (1, 2, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 2_048)
ANSWERS = (1, 2, 4, 6, 8, 12, 16, 32, 64)
BARRIERS_PER_LAYER = 16  #: operations after which all threads wait for each other
COPY_BANDWIDTH = 5e9  #: bytes/s at which a kept prefix is brought into a slot


@dataclass(frozen=True, slots=True)
class Machine:
    """What one engine runs on."""

    engines: int  #: one for each socket, its weights in the memory beside it
    bandwidth: float  #: bytes/s an engine gets in practice
    flops: float  #: operations/s an engine gets in practice
    barrier: float  #: seconds


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model asks of it."""

    parameters: float
    size: float  #: bytes, Q4_K_M
    layers: int
    heads: int
    kv_heads: int
    width: int  #: of a head


MACHINES = {
    # 7950X: 61–64 GB/s and 2.6 TOPS, from published figures of an 8B (13.07 and 162 tokens/s).
    "1x16": Machine(engines=1, bandwidth=62.5e9, flops=2.6e12, barrier=2e-6),
    # Two sockets of 12 channels DDR5-4800 (461 GB/s, 65 % of it in practice) and 64 cores at a
    # server's clock: 0.11 TOPS a core, of which 65 % are left where so many work together.
    "2x64": Machine(engines=2, bandwidth=300e9, flops=4.6e12, barrier=5e-6),
}
MODELS = {
    "8B": Weights(8.03e9, 4.9e9, 32, 32, 8, 128),
    "14B": Weights(14.8e9, 9.0e9, 48, 40, 8, 128),
    "32B": Weights(32.8e9, 19.9e9, 64, 40, 8, 128),
    "70B": Weights(70.6e9, 42.5e9, 80, 64, 8, 128),
}


def derived(machine: Machine, weights: Weights, name: str = "") -> Costs:
    """The costs of a model on a machine, by the formula above."""
    cell = 4 * weights.layers * weights.kv_heads * weights.width  # K and V, two bytes each
    attention = 4 * weights.heads * weights.width * weights.layers / (machine.flops / 2)
    base = {rows: _base(machine, weights, rows) for rows in {*ROWS, *ANSWERS}}
    return Costs(
        name=name,
        prompts=Curve(
            ROWS,
            tuple(base[rows] for rows in ROWS),
            tuple(max(cell / machine.bandwidth / rows, attention) for rows in ROWS),
        ),
        answers=Curve(
            ANSWERS,
            tuple(base[rows] for rows in ANSWERS),
            (max(cell / machine.bandwidth, attention),) * len(ANSWERS),
        ),
        restore=cell / COPY_BANDWIDTH,
        engines=machine.engines,
        detail={"machine": asdict(machine), "weights": asdict(weights)},
    )


def _base(machine: Machine, weights: Weights, rows: int) -> float:
    reading = weights.size / machine.bandwidth
    computing = 2 * weights.parameters * rows / machine.flops
    return max(reading, computing) + BARRIERS_PER_LAYER * weights.layers * machine.barrier
