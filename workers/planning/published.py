"""Figures that others have published, and what is predicted for the same machine and model.

`published.csv` holds them with their address. `use` says what a figure is to the model: `set` (a
constant was set by it), `tested` (none was), `old` (kernels that have been replaced since), `other`
(another program) or `guide` (the llama.cpp guide that this project began with).
"""

import csv
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from workers.planning import hardware, models, rates
from workers.planning.hardware import Hardware

TABLE = Path(__file__).with_name("published.csv")
PROMPT = 512  #: tokens of a measured prompt, as llama-bench has them
ANSWER = 128  #: tokens of a measured answer
#: Uses that the model is answerable for.
OURS = frozenset({"set", "tested"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure: tokens/s, seconds, 10¹² operations/s, threads, or a ratio."""

    section: str
    source: str
    machine: Hardware
    sockets: int
    placement: str  #: local, placed (over sockets, with care) or spread
    model: str
    quantity: str
    depth: int
    value: float
    use: str
    note: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure beside its prediction."""

    figure: Figure
    predicted: float

    @property
    def ratio(self) -> float:
        """Predicted ÷ published as speeds: over 1 promises too much."""
        found = self.predicted / self.figure.value
        return 1 / found if self.figure.quantity == "first token" else found


@dataclass(frozen=True, slots=True)
class Summary:
    """How far predictions are off."""

    count: int
    median: float
    worst: float  #: the ratio that is furthest from 1
    within: float  #: share of figures that are missed by a factor of 1.5 at most

    @classmethod
    def of(cls, ratios: Iterable[float]) -> "Summary":
        """Of at least one ratio."""
        given = sorted(ratios)
        near = sum(abs(math.log(ratio)) <= math.log(1.5) for ratio in given) / len(given)
        return cls(
            len(given), statistics.median(given), max(given, key=lambda r: abs(math.log(r))), near
        )


@cache
def figures() -> tuple[Figure, ...]:
    """All of them."""
    with TABLE.open(newline="") as file:
        return tuple(_figure(row) for row in csv.DictReader(file))


def compared() -> tuple[Compared, ...]:
    """Every figure beside its prediction."""
    return tuple(Compared(figure, predicted(figure)) for figure in figures())


def summaries(found: Iterable[Compared]) -> dict[str, Summary]:
    """By what is predicted, of the figures that the model is answerable for, and of all."""
    everything = tuple(found)
    ours = [one for one in everything if one.figure.use in OURS]
    chosen: Mapping[str, list[float]] = {
        "decode": _ratios(one for one in ours if one.figure.quantity == "decode"),
        "prefill": _ratios(one for one in ours if one.figure.quantity in {"prefill", "operations"}),
        "set": _ratios(one for one in ours if one.figure.use == "set"),
        "tested": _ratios(one for one in ours if one.figure.use == "tested"),
        "all": _ratios(everything),
    }
    return {name: Summary.of(ratios) for name, ratios in chosen.items()}


def predicted(figure: Figure) -> float:
    """What the formulas say, in the figure's unit."""
    speed = figure.machine.speed(figure.sockets, local=figure.placement != "spread")
    if figure.quantity == "operations":
        return speed.operations / 1e12
    if figure.quantity == "spread ÷ local":
        return hardware.SPREAD_SHARE
    if figure.quantity == "copies ÷ spread":
        return 1 / hardware.SPREAD_SHARE
    demand = models.named(figure.model).demand
    decode = 1 / rates.decode_seconds(demand, speed, 1, figure.depth + ANSWER / 2)
    prompt = PROMPT / rates.prompt_seconds(demand, speed, PROMPT, before=figure.depth)
    if figure.quantity == "threads":
        # As many as unpack weights at the pace at which memory brings them.
        rate = demand.packed * speed.bandwidth / demand.read(1)
        return rate / (speed.unpacking / figure.machine.cores)
    told = {
        "decode": decode,
        "prefill": prompt,
        "prefill/decode": prompt / decode,
        "first token": rates.prompt_seconds(demand, speed, 1, before=figure.depth),
    }
    return told[figure.quantity]


def _ratios(found: Iterable[Compared]) -> list[float]:
    return [one.ratio for one in found]


def _figure(row: Mapping[str, str]) -> Figure:
    return Figure(
        section=row["section"],
        source=row["source"],
        machine=_machine(row),
        sockets=int(row["sockets"]),
        placement=row["placement"],
        model=row["model"],
        quantity=row["quantity"],
        depth=int(row["depth"]),
        value=float(row["value"]),
        use=row["use"],
        note=row["note"],
    )


def _machine(row: Mapping[str, str]) -> Hardware:
    """The machine of a row: a known one, with other cores if it says so, or one of its own."""
    known = {machine.name: machine for machine in hardware.table()}.get(row["machine"])
    if known:
        return replace(known, cores=int(row["cores"] or known.cores))
    return Hardware(
        name=row["machine"],
        sockets=int(row["sockets"]),
        cores=int(row["cores"] or 1),
        clock=float(row["clock"] or hardware.ASSUMED_CLOCK),
        instructions=row["instructions"] or hardware.ASSUMED_INSTRUCTIONS,
        bandwidth=math.inf,
        source=row["source"],
    )
