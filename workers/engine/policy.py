"""Which sequences take part in the next decode step, and with how many prompt tokens.

A person's sequences come first and the background pauses entirely while they run: sharing a step
with background prefill costs a reader fifteen times the wait between tokens and saves the
background next to nothing (measured; see docs/decisions/0004-lanes.md). A floor keeps the
background from starving.
"""

import time
from collections.abc import Sequence as Items
from dataclasses import dataclass

from workers.engine.sequence import Sequence

#: Prompt tokens of one step. A background step bounds how long a new question waits for its turn.
BACKGROUND_CHUNK = 256
INTERACTIVE_CHUNK = 512
#: While another person's answer is being written, a prompt advances in small pieces.
SHARED_CHUNK = 64
#: The background gets a step at least this often (seconds), however many people ask.
STARVATION_FLOOR = 4.0


@dataclass(frozen=True, slots=True)
class Share:
    """A sequence's part of a step: one sampled token, or some of its prompt."""

    sequence: Sequence
    tokens: tuple[int, ...]


class LanePolicy:
    """Remembers when the background last had its turn."""

    def __init__(self) -> None:
        self._background_ran = time.monotonic()

    def plan(self, active: Items[Sequence]) -> list[Share]:
        """The shares of the next step, decoding sequences first."""
        people = [sequence for sequence in active if sequence.interactive]
        background = [sequence for sequence in active if not sequence.interactive]
        now = time.monotonic()
        if people and background and now - self._background_ran < STARVATION_FLOOR:
            return _shares(people, _interactive_chunk(people))
        self._background_ran = now  # also while there is no background: nothing starves then
        if background:
            return _shares(background, BACKGROUND_CHUNK)
        return _shares(people, _interactive_chunk(people))


def _interactive_chunk(people: Items[Sequence]) -> int:
    someone_reads = any(not sequence.prefilling for sequence in people)
    return SHARED_CHUNK if someone_reads else INTERACTIVE_CHUNK


def _shares(sequences: Items[Sequence], chunk: int) -> list[Share]:
    shares = [Share(one, (one.written[-1],)) for one in sequences if not one.prefilling]
    for one in sequences:
        if one.prefilling and chunk > 0:
            tokens = one.next_prompt_tokens(chunk)
            chunk -= len(tokens)
            shares.append(Share(one, tokens))
    return shares
