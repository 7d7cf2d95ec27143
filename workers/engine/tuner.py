"""Chooses the engine's knobs by measuring: coordinate descent within a time budget.

One knob after another, each with the best values of those before it. The values of a knob are
measured in turns, so that a machine that is slow for a while is slow for all of them; the middle
of the turns counts, and the value that stood before stays unless another saves clearly more than
such machines' noise.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workers.engine.profile import Choice, Profile, Trial

#: The objective is the time of one typical job and one answer in a chat. How often each measured
#: unit occurs in it: 1,600 tokens of a prompt; 128 tokens written beside seven other sequences;
#: the 24 tokens of a question on a document that is known already; 64 tokens written alone, and
#: 16 while another process wants a core.
WORK = {"prefill": 1600.0, "decode8": 128 / 8, "question": 1.0, "decode1": 64.0, "crowded": 16.0}
#: Sequences and rows of each in the steps that drafts are weighed by.
STEPS = {
    "decode1": (1, 1),
    "rows2": (1, 2),
    "rows4": (1, 4),
    "rows8": (1, 8),
    "decode8": (8, 1),
    "decode8x2": (8, 2),
    "decode8x4": (8, 4),
}
FIGURES = ("prefill", *STEPS)
#: Turns a value is measured, at most, and until the first decision between close ones.
TURNS, FEWEST_TURNS = 3, 2
#: Share of time that another value must save to take the place of the one before it; the second
#: is enough when its slowest turn was quicker than the quickest of that one.
HYSTERESIS, CLEAR = 0.1, 0.05
#: A value that takes so many times as long as the best is not measured a second time.
HOPELESS = 1.5
#: Share of the budget that is kept for the figures of what was chosen.
RESERVED = 0.15

Measure = Callable[[Profile, tuple[str, ...]], Mapping[str, float]]


class TrialFailed(Exception):
    """A value can't be used here, or took far too long."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A field of the profile, the values to try, and the workloads that it may change."""

    name: str
    values: tuple[Any, ...]
    workloads: tuple[str, ...]


@dataclass(slots=True)
class Candidate:
    """A value of a knob with what was measured of it."""

    value: Any
    profile: Profile
    turns: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def costs(self) -> list[float]:
        """Seconds of the typical work, once for each turn."""
        return [sum(WORK[name] * turn[name] for name in turn) for turn in self.turns]

    @property
    def cost(self) -> float:
        """The middle of the costs; without end for what was never measured."""
        return statistics.median(self.costs) if self.turns else float("inf")

    def trials(self, knob: str) -> Iterator[Trial]:
        """What is told of it: tokens/s of the prefill, milliseconds of the others."""
        for name in self.turns[0] if self.turns else ():
            yield _trial(knob, self.value, name, [turn[name] for turn in self.turns])


class Tuner:
    """One search. `measure` returns seconds: per token of the prefill, per decode of the others."""

    def __init__(
        self,
        measure: Measure,
        budget_seconds: float,
        tell: Callable[[str, str], None] = lambda _knob, _value: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tell` hears of each measurement before it is made; `measure` may raise TrialFailed."""
        self._measure = measure
        self._tell = tell
        self._clock = clock
        self._end = clock() + budget_seconds
        self._reserve = budget_seconds * RESERVED

    def run(self, start: Profile, knobs: tuple[Knob, ...]) -> Profile:
        """The best profile found in time. Raises TrialFailed if nothing can be measured."""
        profile = replace(start, measured=(), choices=())
        for knob in knobs:
            profile = self._settled(profile, knob)
        return self._with_figures(profile)

    @property
    def _left(self) -> float:
        return self._end - self._reserve - self._clock()

    def _settled(self, profile: Profile, knob: Knob) -> Profile:
        """The profile with the best value of one knob, and why."""
        before = getattr(profile, knob.name)
        values = [before, *(value for value in knob.values if value != before)]
        tried = [Candidate(value, replace(profile, **{knob.name: value})) for value in values]
        self._compare(tried, knob)
        best = min(tried, key=lambda one: one.cost)
        if not _replaces(best, tried[0]):
            best = tried[0]
        return replace(
            best.profile,
            measured=(*profile.measured, *(t for one in tried for t in one.trials(knob.name))),
            choices=(*profile.choices, _choice(knob.name, best, tried)),
        )

    def _compare(self, tried: list[Candidate], knob: Knob) -> None:
        """Measure the candidates in turns until one is clearly ahead or the time is over."""
        rivals = list(tried)
        for turn in range(1, TURNS + 1):
            for one in list(rivals):
                if self._left <= 0:
                    return
                self._tell(knob.name, str(one.value))
                try:
                    one.turns.append(self._measure(one.profile, knob.workloads))
                except TrialFailed:
                    rivals.remove(one)
                    one.turns.clear()
            rivals = _in_the_running(rivals, turn)
            if len(rivals) < 2 and turn >= FEWEST_TURNS:
                return

    def _with_figures(self, profile: Profile) -> Profile:
        """The profile with the figures that others count on."""
        chosen = Candidate("", profile)
        for turn in range(TURNS):
            if turn and self._clock() >= self._end:
                break
            self._tell("figures", str(turn + 1))
            chosen.turns.append(self._measure(profile, FIGURES))
        middle = {name: statistics.median(t[name] for t in chosen.turns) for name in FIGURES}
        return replace(
            profile,
            step_cost=tuple((*step, middle[name]) for name, step in STEPS.items()),
            prefill_rate=1 / middle["prefill"],
            decode_rate=1 / middle["decode1"],
            measured=(*profile.measured, *chosen.trials("chosen")),
        )


def _in_the_running(rivals: list[Candidate], turn: int) -> list[Candidate]:
    """Those that may still win: after one turn the not hopeless, then those that overlap."""
    if not rivals:
        return []
    best = min(rivals, key=lambda one: one.cost)
    if turn < FEWEST_TURNS:
        return [one for one in rivals if one is rivals[0] or one.cost < HOPELESS * best.cost]
    return [one for one in rivals if min(one.costs) <= max(best.costs)]


def _replaces(best: Candidate, before: Candidate) -> bool:
    if len(best.turns) < FEWEST_TURNS:
        return False
    apart = bool(before.turns) and max(best.costs) < min(before.costs)
    return best.cost <= (1 - (CLEAR if apart else HYSTERESIS)) * before.cost


def _choice(knob: str, best: Candidate, tried: list[Candidate]) -> Choice:
    default, others = tried[0], [one for one in tried[1:] if one.turns]
    if best is not default:
        gain = 1 - best.cost / default.cost
        return Choice(knob, str(best.value), f"saves {gain:.0%} against {default.value}", gain)
    if not others or not default.turns:
        return Choice(knob, str(best.value), "not measured: no time was left", 0.0)
    second = min(others, key=lambda one: one.cost)
    if second.cost < default.cost and len(second.turns) < FEWEST_TURNS:
        return Choice(knob, str(best.value), "not settled: no time was left", 0.0)
    more = second.cost / default.cost - 1
    reason = (
        f"{second.value} takes {more:.0%} more" if more > 0 else f"{second.value} saves too little"
    )
    return Choice(knob, str(best.value), reason, 0.0)


def _trial(knob: str, value: Any, workload: str, seconds: list[float]) -> Trial:
    middle = statistics.median(seconds)
    if workload == "prefill":
        return Trial(knob, str(value), workload, round(1 / middle, 1), "tokens/s")
    return Trial(knob, str(value), workload, round(1000 * middle, 2), "ms")
