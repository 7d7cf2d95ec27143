"""Which KV stream a sequence gets, and how much of its prompt it finds there already.

Knows tokens and streams; nothing of lanes, sampling or text.
"""

import time
from dataclasses import dataclass, field

import structlog

from workers.engine.context import Context
from workers.engine.prefixes import PrefixCache, common_length
from workers.engine.requests import Request
from workers.jobs import Lane

#: A slot must hold this many tokens more of a prompt than a saved prefix does before the rest of
#: what it holds is given up for them.
COPY_WORTH_TOKENS = 16

log = structlog.get_logger()


@dataclass(slots=True)
class Slot:
    """One KV stream of the context and the tokens it holds."""

    number: int
    tokens: list[int] = field(default_factory=list)
    used_at: float = 0.0
    busy: bool = False


class Slots:
    """All streams of a context, with the prefixes saved out of them."""

    def __init__(self, context: Context, prefixes: PrefixCache) -> None:
        self._context, self._prefixes = context, prefixes
        self._slots = [Slot(number) for number in range(context.shape.sequences)]

    @property
    def free(self) -> int:
        """How many are not in use."""
        return sum(not slot.busy for slot in self._slots)

    def take(self, request: Request) -> Slot:
        """Occupy a free slot; its tokens are then the part of the prompt that needs no prefill."""
        prompt = request.prompt
        free = [slot for slot in self._slots if not slot.busy]
        saved, state = self._prefixes.longest(prompt) or ((), b"")
        slot = max(free, key=lambda one: common_length(one.tokens, prompt))
        if common_length(slot.tokens, prompt) < len(saved) + COPY_WORTH_TOKENS:
            slot = _most_dispensable(free, request.lane)
            if common_length(slot.tokens, prompt) < len(saved):
                self._restore(slot, saved, state)
        self._cut(slot, min(common_length(slot.tokens, prompt), len(prompt) - 1))
        slot.busy = True
        return slot

    def release(self, slot: Slot) -> None:
        """Free a slot; its KV stays for whoever begins with the same tokens."""
        slot.busy, slot.used_at = False, time.monotonic()

    def forget(self, slot: Slot) -> None:
        """Free a slot after a failed decode: nobody knows what its KV holds."""
        self.release(slot)
        self._cut(slot, 0)

    def save_prefix(self, slot: Slot, length: int) -> None:
        """Keep the state of a slot that holds exactly the prefix that other prompts share."""
        prefix = tuple(slot.tokens)
        if length and len(prefix) == length and prefix not in self._prefixes:
            self._prefixes.put(prefix, self._context.save(slot.number))

    def _restore(self, slot: Slot, tokens: tuple[int, ...], state: bytes) -> None:
        if self._context.load(slot.number, state):
            slot.tokens = list(tokens)
            return
        log.warning("prefix_state_refused", tokens=len(tokens))
        self._prefixes.drop(tokens)
        self._cut(slot, 0)

    def _cut(self, slot: Slot, length: int) -> None:
        """Forget what stands behind `length` tokens, or all of it where memory is all or nothing.

        A recurrent model's state can't be taken back a few tokens.
        """
        kept = length if self._context.trim(slot.number, length) else 0
        if kept < length:
            self._context.trim(slot.number, 0)
        del slot.tokens[kept:]


def _most_dispensable(free: list[Slot], lane: Lane) -> Slot:
    """For a person the slot idle for longest, so that the KV of recent talks stays.

    For the background the first one: neighbouring streams are computed together, a gap between
    them costs a fifth of the decode speed (measured).
    """
    if lane == Lane.INTERACTIVE:
        return min(free, key=lambda slot: slot.used_at)
    return min(free, key=lambda slot: slot.number)
