"""The arithmetic behind a figure, in words."""

from workers.planning import rates
from workers.planning.rates import BARRIERS_PER_LAYER, Demand, Speed
from workers.planning.work import Seconds


def step(demand: Demand, speed: Speed, rows: int, depth: float) -> str:
    """What a step of answers waits for."""
    read = demand.read(rows)
    weights = demand.dense_weights + demand.expert_weights + demand.output_weights
    parts = {
        f"reading {read / 1e9:.3g} GB at {speed.bandwidth / 1e9:.3g} GB/s": read / speed.bandwidth,
        f"unpacking {demand.packed / 1e9:.3g} G weights at {speed.unpacking / 1e9:.3g} G/s": (
            demand.packed / speed.unpacking
        ),
    }
    base = rates.step_seconds(demand, speed, rows)
    waiting = BARRIERS_PER_LAYER * demand.layers * speed.barrier
    computing = f"computing {rows} rows of {weights / 1e9:.3g} G weights"
    slowest, longest = max(parts.items(), key=lambda part: part[1])
    if longest < base - waiting - 1e-9:
        slowest = f"{computing} at {speed.operations / 1e12:.2g} TOPS"
    attention = rates.decode_seconds(demand, speed, rows, depth) - base
    return (
        f"{slowest} {seconds(base - waiting)}, barriers {seconds(waiting)}, attention to "
        f"{depth:,.0f} tokens {seconds(attention)}"
    )


def prompt(demand: Demand, speed: Speed, tokens: int) -> str:
    """What a prompt waits for."""
    weights = demand.dense_weights + demand.expert_weights
    total = rates.prompt_seconds(demand, speed, tokens)
    return (
        f"{tokens:,} tokens × 2 × {weights / 1e9:.3g} G weights at {speed.operations / 1e12:.2g} "
        f"TOPS, with attention: {tokens / total:,.0f} tokens/s"
    )


def engine_time(spent: Seconds, engines: int) -> str:
    """What an hour is divided by."""
    each = f"prompts {seconds(spent.reading)} + answers {seconds(spent.writing)} of an engine"
    return each if engines == 1 else f"{each}, {engines} engines"


def seconds(value: float) -> str:
    """As people read it."""
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:,.3g} s"
