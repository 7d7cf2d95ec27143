"""What was asked and when."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Trace = tuple["Call", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an engine."""

    arrival: float  #: seconds after the trace's begin
    interactive: bool  #: a person waits for it
    prompt: int  #: tokens
    output: int  #: tokens
    prefix: str = ""  #: calls with the same one begin with the same tokens
    shared: int = 0  #: how many those are


def read(path: Path) -> Trace:
    """A trace from JSON: a list of objects with the fields of `Call`."""
    return ordered(Call(**each) for each in json.loads(path.read_text()))


def ordered(calls: Iterable[Call]) -> Trace:
    """By arrival."""
    return tuple(sorted(calls, key=lambda call: call.arrival))


def summaries(count: int = 8, prompt: int = 1_350, output: int = 80) -> Trace:
    """Distinct sections that are there at once."""
    return (Call(0.0, False, prompt, output),) * count


def chat_amid_summaries(at: float = 5.0) -> Trace:
    """Eight short sections, and a person who asks while they are worked on."""
    return (*summaries(8, 600, 40), Call(at, True, 600, 40))


def office(people: int = 40, sections: int = 120, seconds: float = 600.0, seed: int = 1) -> Trace:
    """A reading room: sections in bursts of ten, and people who ask about twelve documents.

    A question has 3,000 tokens of a document before it; once it was asked about, those are kept.
    """
    chance = random.Random(seed)
    bursts = max(1, sections // 10)
    read = [
        Call(seconds * (number // 10) / bursts, False, 1_800, 160) for number in range(sections)
    ]
    asked = [
        Call(
            chance.uniform(0, seconds), True, 3_080, 160, f"document {chance.randrange(12)}", 3_000
        )
        for _ in range(people)
    ]
    return ordered((*read, *asked))


def dealt(trace: Trace, hands: int) -> list[Trace]:
    """The trace spread over engines in turn, each lane for itself, as a queue does."""
    lanes = [[c for c in trace if c.interactive], [c for c in trace if not c.interactive]]
    return [ordered(call for lane in lanes for call in lane[hand::hands]) for hand in range(hands)]
