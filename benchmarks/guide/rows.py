"""What the runs say, as rows: Lectern beside the better of Transformers' dtypes at each thing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.figures import Better, Row
from benchmarks.guide.contest import Run

#: The targets of the guide's comparison. Of the rest it says nothing: 1 is as good as the other.
LOAD, MEMORY, DECODE, FIRST = 36.0, 0.68, 2.8, 3.2
EQUAL = 1.0
MB = 1e6
#: Cores that others may use before it is said.
IDLE = 0.1


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that is measured of every entrant."""

    name: str
    words: str
    unit: str
    better: Better
    scale: float = 1.0  #: from what was measured to `unit`


FIGURES = (
    Figure("start", "process start to first token, files in the page cache", "s", "lower"),
    Figure("start_cold", "the same with the model's files dropped from it", "s", "lower"),
    Figure("weights", "loading call to first token", "s", "lower"),
    Figure("call", "loading call alone", "s", "lower"),
    Figure("peak", "largest resident memory (VmHWM)", "MB", "lower", 1 / MB),
    Figure("pss", "memory after answering (Pss)", "MB", "lower", 1 / MB),
    Figure("anonymous", "of it anonymous", "MB", "lower", 1 / MB),
    Figure("file", "of it pages of files", "MB", "lower", 1 / MB),
    Figure("empty", "memory before loading (Pss)", "MB", "lower", 1 / MB),
    Figure("decode", "decode", "tokens/s", "higher"),
    Figure("short", "first token of a short prompt", "s", "lower"),
    Figure("long", "first token of a long prompt", "s", "lower"),
    Figure("prefill", "prefill of a long prompt", "tokens/s", "higher"),
    Figure("known", "first token behind a text that was read before", "s", "lower"),
)


def measured(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Medians over the rounds: entrant → figure → value."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        mine = found.setdefault(run.entrant, {})
        for name, value in _told(run):
            mine.setdefault(name, []).append(value)
    return {who: {name: median(them) for name, them in mine.items()} for who, mine in found.items()}


def _told(run: Run) -> Iterator[tuple[str, float]]:
    if run.cold:
        yield "start_cold", run.start
        return
    yield from (("start", run.start), ("weights", run.weights), ("call", run.call))
    memory = run.told["memory"]
    yield "empty", memory["imported"]["pss"]
    for name in ("peak", "pss", "anonymous", "file"):
        yield name, memory["answered"][name]
    warm = set[str]()
    for reply in run.told["replies"]:
        kind = reply["kind"]
        if kind in warm or kind == "known":
            yield from _of_reply(kind, reply)
        warm.add(kind)


def _of_reply(kind: str, reply: dict[str, Any]) -> Iterator[tuple[str, float]]:
    yield kind, reply["first"]
    yield "decode", (reply["tokens"] - 1) / reply["rest"]
    if kind == "long":
        yield "prefill", reply["prompt"] / reply["first"]


def rows(model: str, found: dict[str, dict[str, float]], ours: str, sizes: str) -> Iterator[Row]:
    """The rows of one model; `ours` is the entrant that stands for Lectern in all of them."""
    mine = found[ours]
    others = {who: figures for who, figures in found.items() if not who.startswith("Lectern")}

    def row(name: str, figure: str, target: float, against: str = "") -> Row:
        other = against or figure
        times = {who: _times(figure, mine[figure], one[other]) for who, one in others.items()}
        best = min(times, key=lambda who: times[who])
        each = ", ".join(f"{ratio:.3g} × {who}" for who, ratio in times.items())
        detail = f"{each}; {_beside(found, figure, against)}; {sizes}"
        return Row(f"{model}_{name}", times[best], target, "higher", best, detail)

    yield row("load", "start", LOAD)
    yield row("load_cold", "start_cold", LOAD)
    yield row("load_weights", "weights", LOAD)
    yield _saved(model, found, ours, others, sizes)
    yield row("decode", "decode", DECODE)
    yield row("first_token_short", "short", FIRST)
    yield row("first_token_long", "long", FIRST)
    yield row("first_token_known", "known", FIRST, "long")
    yield row("prefill", "prefill", EQUAL)


def agreement(runs: Sequence[Run]) -> Iterator[str]:
    """How often others wrote what the first entrant did, in words: are these the same weights?"""
    said: dict[str, list[str]] = {}
    for run in runs:
        told = [one for one in run.told["replies"] if one["kind"] != "known"]
        said.setdefault(run.entrant, []).extend(one["text"] for one in told)
    (first, texts), *others = said.items()
    for who, written in others:
        same = sum(one == other for one, other in zip(texts, written, strict=True))
        yield f"{who} wrote the same as {first} in {same} of {len(texts)} answers"


def disturbance(runs: Sequence[Run]) -> Iterator[str]:
    """Who was measured while somebody else computed, in words."""
    for run in runs:
        if run.others > IDLE:
            yield f"others used {run.others:.1f} cores while {run.entrant} was measured"


def _saved(
    model: str,
    found: dict[str, dict[str, float]],
    ours: str,
    others: dict[str, dict[str, float]],
    sizes: str,
) -> Row:
    shares = {who: 1 - found[ours]["peak"] / one["peak"] for who, one in others.items()}
    best = min(shares, key=lambda who: shares[who])
    each = ", ".join(f"{share:.1%} of {who}" for who, share in shares.items())
    kinds = ("peak", "pss", "anonymous", "file", "empty")
    detail = "; ".join([each, *(_beside(found, kind, "") for kind in kinds), sizes])
    return Row(f"{model}_memory_saved", shares[best], MEMORY, "higher", best, detail)


def _times(figure: str, mine: float, other: float) -> float:
    """How many times better ours is."""
    return mine / other if _figure(figure).better == "higher" else other / mine


def _beside(found: dict[str, dict[str, float]], figure: str, against: str) -> str:
    about = _figure(figure)
    told = []
    for who, figures in found.items():
        value = figures.get(figure, figures.get(against) if against else None)
        if value is not None:
            told.append(f"{who} {shown(value * about.scale)}")
    return f"{about.words}, {about.unit}: {', '.join(told)}"


def shown(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figure(name: str) -> Figure:
    return next(one for one in FIGURES if one.name == name)
