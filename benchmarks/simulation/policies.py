"""Who takes part in the next step: ours, llama-server's, and what else could be done."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.simulation.trace import Call
from workers.engine.policy import (
    EXPECTING,
    EXPECTING_CHUNK,
    FLOOR_CHUNK,
    SHARED_CHUNK,
    STARVATION_FLOOR,
    WRITE_TOGETHER,
)

NEVER = -math.inf


@dataclass(slots=True)
class Running:
    """A call in a slot."""

    call: Call
    held: int = 0  #: tokens of the prompt whose KV is there
    written: int = 0
    told: list[float] = field(default_factory=list)  #: when each token came

    @property
    def prefilling(self) -> bool:
        """Whether part of the prompt has no KV yet."""
        return self.held < self.call.prompt

    @property
    def length(self) -> int:
        """Tokens in its KV."""
        return self.held + max(0, self.written - 1)


@dataclass(frozen=True, slots=True)
class Share:
    """Rows that a call gets in a step."""

    running: Running
    rows: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A step."""

    shares: tuple[Share, ...]
    interruptible: bool = False  #: by a person who comes


class Policy(Protocol):
    """Chooses steps; may remember, so each replay needs a new one."""

    name: str

    def plan(self, active: Sequence[Running], now: float) -> Plan:
        """The next step."""


@dataclass(slots=True)
class FirstCome:
    """llama-server: all answers, then prompts as they came, in one batch."""

    batch: int = 2_048
    name: str = "first come, mixed"

    def plan(self, active: Sequence[Running], now: float) -> Plan:  # noqa: ARG002 - the protocol's
        """Lanes are not told apart."""
        answers = _answers(active)
        return Plan((*answers, *_prompts(active, self.batch - len(answers))))


@dataclass(slots=True)
class Paused:
    """Ours: the background waits while people are served, but for a small step now and then."""

    batch: int = 512
    floor: float = STARVATION_FLOOR
    floor_chunk: int = FLOOR_CHUNK
    floor_share: float = 1.0  #: of the time, at most, that floor steps may take
    rides: bool = False  #: the background's answers share people's steps
    interrupts: bool = True
    name: str = "background paused"
    _ran: float = NEVER
    _left: float = NEVER
    _waits: bool = False
    _floor_began: float = NEVER
    _floor_took: float = 0.0

    def plan(self, active: Sequence[Running], now: float) -> Plan:
        """As `workers.engine.policy.LanePolicy`, but for `floor_share`; without drafts."""
        people = [one for one in active if one.call.interactive]
        background = [one for one in active if not one.call.interactive]
        if not self._waits:
            self._ran = now
        if people:
            self._left = now
        if self._floor_began != NEVER:
            self._floor_took, self._floor_began = now - self._floor_began, NEVER
        pause = max(self.floor, self._floor_took * (1 / self.floor_share - 1))
        if people and not (background and now - self._ran >= pause):
            self._waits = bool(background)
            return Plan(self._for_people(people, background))
        self._waits, self._floor_began = False, now if people else NEVER
        if people:
            return Plan(tuple(_prompts(background, self.floor_chunk) or _answers(background)))
        chunk = EXPECTING_CHUNK if now - self._left < EXPECTING else self.batch
        return Plan(self._for_background(background, chunk), interruptible=self.interrupts)

    def _for_background(self, background: Sequence[Running], chunk: int) -> tuple[Share, ...]:
        writing = _answers(background)
        together = writing if len(writing) >= WRITE_TOGETHER else []
        prompts = _prompts(background, chunk - len(together))
        return (*together, *prompts) if prompts else tuple(writing)

    def _for_people(
        self, people: Sequence[Running], background: Sequence[Running]
    ) -> tuple[Share, ...]:
        reading = _answers(people)
        chunk = SHARED_CHUNK if reading else self.batch
        riding = _answers(background) if self.rides and reading else []
        return (*reading, *_prompts(people, chunk), *riding)


@dataclass(slots=True)
class Pieces:
    """Everybody shares every step, the background's prompts in small pieces."""

    piece: int = 64
    batch: int = 512
    name: str = "background in small pieces"

    def plan(self, active: Sequence[Running], now: float) -> Plan:  # noqa: ARG002 - the protocol's
        """People's prompts whole, the background's cut while people are there."""
        people = [one for one in active if one.call.interactive]
        background = [one for one in active if not one.call.interactive]
        chunk = self.piece if people else self.batch
        answers = _answers(active)
        return Plan((*answers, *_prompts(people, self.batch), *_prompts(background, chunk)))


@dataclass(slots=True)
class Turns:
    """Two contexts over one model, a lane each, that take turns."""

    batch: int = 512
    name: str = "two contexts, in turns"
    _people_last: bool = False

    def plan(self, active: Sequence[Running], now: float) -> Plan:  # noqa: ARG002 - the protocol's
        """The other lane, if it has anything to do."""
        people = [one for one in active if one.call.interactive]
        background = [one for one in active if not one.call.interactive]
        self._people_last = bool(people) and not (self._people_last and background)
        lane = people if self._people_last else background
        answers = _answers(lane)
        return Plan((*answers, *_prompts(lane, self.batch - len(answers))))


def _answers(running: Sequence[Running]) -> list[Share]:
    return [Share(one, 1) for one in running if not one.prefilling]


def _prompts(running: Sequence[Running], chunk: int) -> list[Share]:
    shares = []
    for one in running:
        rows = min(chunk, one.call.prompt - one.held)
        if rows > 0:
            chunk -= rows
            shares.append(Share(one, rows))
    return shares
