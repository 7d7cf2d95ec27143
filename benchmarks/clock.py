"""Asking a peer and noting when each piece of its answer came. Equal for every peer."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.peer import Peer, Turn


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and its times, in seconds of one monotonic clock."""

    text: str
    asked: float
    arrivals: tuple[float, ...]
    ended: float

    @property
    def first(self) -> float:
        """Seconds to the first piece of text."""
        return (self.arrivals[0] if self.arrivals else self.ended) - self.asked

    @property
    def total(self) -> float:
        """Seconds to the end."""
        return self.ended - self.asked

    @property
    def gaps(self) -> list[float]:
        """Seconds between neighbouring pieces."""
        return [
            after - before for before, after in zip(self.arrivals, self.arrivals[1:], strict=False)
        ]


@dataclass(frozen=True, slots=True)
class Question:
    """One request to be asked."""

    turns: tuple[Turn, ...]
    max_tokens: int
    background: bool = False


def ask(peer: Peer, question: Question) -> Reply:
    """Ask, read to the end, and keep the time."""
    asked = time.monotonic()
    pieces: list[str] = []
    arrivals: list[float] = []
    for piece in peer.chat(question.turns, question.max_tokens, background=question.background):
        if piece:
            arrivals.append(time.monotonic())
            pieces.append(piece)
    return Reply("".join(pieces), asked, tuple(arrivals), time.monotonic())


def ask_together(peer: Peer, questions: Sequence[Question]) -> list[Reply]:
    """Ask all at once; the replies in the order of the questions."""
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda one: ask(peer, one), questions))


def makespan(replies: Sequence[Reply]) -> float:
    """Seconds from the first question to the end of the last answer."""
    return max(one.ended for one in replies) - min(one.asked for one in replies)


def all_begun(replies: Sequence[Reply]) -> float:
    """Seconds from the first question until every answer has begun."""
    return max(one.asked + one.first for one in replies) - min(one.asked for one in replies)
