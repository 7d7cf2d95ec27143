"""Which sequences take part in the next decode step, and with how many prompt tokens.

A person's sequences come first and the background pauses entirely while they run: sharing a step
with background prefill costs a reader fifteen times the wait between tokens and saves the
background next to nothing (measured; see docs/decisions/0004-lanes.md). A person who comes
interrupts the background's step in the middle; a floor keeps the background from starving.
"""

import math
import time
from collections.abc import Sequence as Items
from dataclasses import dataclass

from workers.engine.drafter import Drafter
from workers.engine.sequence import Sequence

#: So many sequences use the kernels well: with fewer, prompts that wait are read first.
WRITE_TOGETHER = 4
#: While another person's answer is being written, a prompt advances in small pieces.
SHARED_CHUNK = 64
#: The background gets a step at least this often (seconds), however many people ask, and a small
#: one, because nothing interrupts it.
STARVATION_FLOOR = 4.0
FLOOR_CHUNK = 128
#: So long after a person was here (seconds) another is expected, and the background reads in small
#: pieces: who comes interrupts one, which is computed again.
EXPECTING, EXPECTING_CHUNK = 60.0, 128


@dataclass(frozen=True, slots=True)
class Share:
    """A sequence's part of a step: some of its prompt, or its last token and what it may go on."""

    sequence: Sequence
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step."""

    shares: tuple[Share, ...]
    interruptible: bool = False  #: a person who comes need not wait until it has ended


class LanePolicy:
    """Remembers when the background last had its turn."""

    def __init__(self, batch_tokens: int, drafter: Drafter) -> None:
        """`batch_tokens`: rows of one decode."""
        self._batch_tokens, self._drafter = batch_tokens, drafter
        self._background_ran = time.monotonic()
        self._background_waits = False
        self._person_left = -math.inf

    def plan(self, active: Items[Sequence]) -> Plan:
        """The shares of the next step."""
        people = [sequence for sequence in active if sequence.interactive]
        background = [sequence for sequence in active if not sequence.interactive]
        now = time.monotonic()
        if not self._background_waits:  # it ran until now, however long, or was not there
            self._background_ran = now
        starving = now - self._background_ran >= STARVATION_FLOOR
        if people:
            self._person_left = now
        if people and not (background and starving):
            self._background_waits = bool(background)
            return Plan(self._for_people(people))
        self._background_waits = False
        if people:
            return Plan(tuple(_prompts(background, FLOOR_CHUNK) or self._last_tokens(background)))
        expecting = now - self._person_left < EXPECTING
        chunk = EXPECTING_CHUNK if expecting else self._batch_tokens
        return Plan(self._for_background(background, chunk), interruptible=True)

    def _for_people(self, people: Items[Sequence]) -> tuple[Share, ...]:
        """Answers that are being read go on; a prompt beside them advances in small pieces."""
        reading = self._last_tokens(people)
        chunk = SHARED_CHUNK if reading else self._batch_tokens
        return (*reading, *_prompts(people, chunk))

    def _for_background(self, background: Items[Sequence], chunk: int) -> tuple[Share, ...]:
        """Prompts first, until enough can write together: that costs least for each token.

        Those that can go on beside further prompts, so that a first result is not held back.
        """
        writing = self._last_tokens(background)
        together = writing if len(writing) >= WRITE_TOGETHER else []
        prompts = _prompts(background, chunk - _rows(together))
        return (*together, *prompts) if prompts else tuple(writing)

    def _last_tokens(self, sequences: Items[Sequence]) -> list[Share]:
        writing = [one for one in sequences if not one.prefilling]
        rows = self._drafter.rows(writing)
        return [Share(one, (one.written[-1], *one.draft(rows - 1))) for one in writing]


def _rows(shares: Items[Share]) -> int:
    return sum(len(share.tokens) for share in shares)


def _prompts(sequences: Items[Sequence], chunk: int) -> list[Share]:
    shares = []
    for one in sequences:
        if one.prefilling and chunk > 0:
            tokens = one.next_prompt_tokens(chunk)
            chunk -= len(tokens)
            shares.append(Share(one, tokens))
    return shares
