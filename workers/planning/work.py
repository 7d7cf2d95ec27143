"""The work: how many prompts and tokens a question and a summary are, and how long they take."""

import math
from dataclasses import dataclass

from workers.planning import rates
from workers.planning.rates import Demand, Speed

# As summaries are cut: a test holds these beside workers/kinds/outlining.py and condensing.py.
SECTION_TOKENS = 6_000
PROMPT_OVERHEAD = 256  #: tokens kept free for the template and the instruction
PROMPT_TOKENS = 128  #: that they take
SECTION_ANSWER, MERGE_ANSWER = 320, 640  #: tokens that may be written
QUESTION_TOKENS = 64  #: of a question on a document that is known


@dataclass(frozen=True, slots=True)
class Work:
    """Lengths in tokens, and how many answers are written at once."""

    prompt: int
    answer: int
    document: int
    context: int
    slots: int


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time of an engine, by what it is spent on: the two are known with unlike certainty."""

    reading: float  #: prompts
    writing: float  #: answers, its share of a step of many

    @property
    def total(self) -> float:
        """Both."""
        return self.reading + self.writing


@dataclass(frozen=True, slots=True)
class Call:
    """A prompt and what is written to it."""

    prompt: int
    answer: int


def summary_calls(work: Work) -> tuple[Call, ...]:
    """The calls of a summary: one where the document fits, else sections, merges, and the last.

    Answers have their full length: an upper limit.
    """
    room = work.context - PROMPT_OVERHEAD - MERGE_ANSWER
    if work.document <= room:
        return (Call(work.document + PROMPT_TOKENS, MERGE_ANSWER),)
    budget = min(SECTION_TOKENS, room)
    sections = math.ceil(work.document / budget)
    calls = [Call(math.ceil(work.document / sections) + PROMPT_TOKENS, SECTION_ANSWER)] * sections
    parts, length = sections, SECTION_ANSWER
    while parts > 1 and parts * length > room:
        each = max(2, room // length)
        merges = math.ceil(parts / each)
        calls += [Call(min(parts, each) * length + PROMPT_TOKENS, MERGE_ANSWER)] * merges
        parts, length = merges, MERGE_ANSWER
    return (*calls, Call(min(parts * length, room) + PROMPT_TOKENS, MERGE_ANSWER))


def question_seconds(demand: Demand, speed: Speed, work: Work) -> Seconds:
    """An engine's time for a question, while `slots` of them are written at once."""
    return _seconds(demand, speed, (Call(work.prompt, work.answer),), work.slots)


def summary_seconds(demand: Demand, speed: Speed, work: Work) -> Seconds:
    """An engine's time for a summary, while `slots` sections are written at once."""
    return _seconds(demand, speed, summary_calls(work), work.slots)


def waiting_seconds(service: float, load: float) -> float:
    """How long a question waits for those before it, on average: M/D/1, load below 1.

    Pollaczek and Khinchine for arrivals by chance and equal services.
    """
    return load * service / (2 * (1 - load)) if load < 1 else math.inf


def _seconds(demand: Demand, speed: Speed, calls: tuple[Call, ...], slots: int) -> Seconds:
    reading = sum(rates.prompt_seconds(demand, speed, call.prompt) for call in calls)
    writing = sum(
        call.answer
        * rates.decode_seconds(demand, speed, slots, call.prompt + call.answer / 2)
        / slots
        for call in calls
    )
    return Seconds(reading, writing)
