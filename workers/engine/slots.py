"""Which KV stream a sequence gets, and how much of its prompt it finds there already.

The beginning of a prompt may be in a free slot, in another sequence's slot, in RAM or on disk; it
is taken from where most of it is. Knows tokens and streams; nothing of sampling or text.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import structlog

from workers.engine import compose
from workers.engine.compose import Rope
from workers.engine.prefixes import WORTH_TOKENS, Prefix, PrefixCache
from workers.engine.radix import common_length
from workers.engine.requests import Request
from workers.engine.streams import Streams
from workers.states import Lane

#: A talk must hold this many tokens that are kept nowhere else before it is moved to RAM.
MOVE_WORTH_TOKENS = 64

log = structlog.get_logger()


@dataclass(slots=True)
class Slot:
    """One KV stream of the context and the tokens it holds."""

    number: int
    tokens: list[int] = field(default_factory=list)
    sources: frozenset[str] = frozenset()  #: documents it holds words of
    talk: bool = False  #: a person may go on from here
    exact: bool = True  #: computed as it stands, not joined from parts
    used_at: float = 0.0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Neighbouring passages that are put behind `at` tokens of a prompt from kept states."""

    at: int
    prefixes: tuple[Prefix, ...]  #: the system message and a passage each
    skipped: int  #: tokens of each that are the system message's

    @property
    def end(self) -> int:
        """Length of the prompt behind the last of them."""
        return self.at + sum(len(prefix.tokens) - self.skipped for prefix in self.prefixes)


class Slots:
    """All streams of a context: the first for the background, the last kept for people."""

    def __init__(
        self,
        streams: Streams,
        prefixes: PrefixCache,
        *,
        background: int,
        cuts: bool = True,
        rope: Rope | None = None,
    ) -> None:
        """`cuts`: whether the model's memory can forget the end of a sequence.

        `rope`: how its keys are moved; without it passages are never joined.
        """
        self._streams, self._prefixes = streams, prefixes
        self._background, self._cuts, self._rope = background, cuts, rope
        self._slots = [Slot(number) for number in range(streams.count)]
        self.seconds_per_token = 0.01  #: what computing a prompt costs; the scheduler measures it

    @property
    def free(self) -> int:
        """How many are not in use."""
        return sum(not slot.busy for slot in self._slots)

    def take(self, request: Request) -> Slot:
        """Occupy a free slot; its tokens are then the part of the prompt that needs no prefill."""
        prompt = request.prompt
        # The last token is computed: what follows it is asked for, or its state not kept yet.
        if request.max_tokens or prompt not in self._prefixes:
            prompt = prompt[:-1]
        slot = self._fill(request, prompt)
        self._cut(slot, self._begin(request, common_length(slot.tokens, prompt)))
        slot.busy, slot.sources = True, request.sources
        slot.talk = request.lane is Lane.INTERACTIVE
        return slot

    def release(self, slot: Slot) -> None:
        """Free a slot; its KV stays for whoever begins with the same tokens."""
        slot.busy, slot.used_at = False, time.monotonic()

    def forget(self, slot: Slot) -> None:
        """Free a slot after a failed decode: nobody knows what its KV holds."""
        self.release(slot)
        self._cut(slot, 0)

    def retract(self, slot: Slot, length: int) -> None:
        """Take back what an interrupted decode did to a slot beyond `length` tokens."""
        self._streams.trim(slot.number, length)

    def forget_sources(self, sources: frozenset[str]) -> None:
        """Empty the free slots that hold words of these documents."""
        for slot in self._slots:
            if not slot.busy and slot.sources & sources:
                self._cut(slot, 0)
                slot.sources = frozenset()

    def holds(self, tokens: tuple[int, ...]) -> bool:
        """Whether the KV of these tokens begins what an exactly computed slot holds."""
        wanted = list(tokens)
        return any(slot.exact and slot.tokens[: len(wanted)] == wanted for slot in self._slots)

    def sources(self) -> frozenset[str]:
        """The documents that free slots hold words of."""
        return frozenset().union(*(slot.sources for slot in self._slots if not slot.busy))

    def keep_prefix(self, slot: Slot, request: Request) -> None:
        """Keep the state of a slot that holds exactly a prefix that other prompts share."""
        length = len(slot.tokens)
        if length not in request.prefixes or not slot.exact:
            return
        durable = request.durable and length == request.prefixes[-1]
        self._keep(slot, durable, request.sources)

    def unkept(self, request: Request, begin: int) -> tuple[int, ...]:
        """The prefixes of a request, behind `begin`, that are worth stopping at to keep them."""
        return tuple(
            length
            for length in request.prefixes
            if length > begin and request.prompt[:length] not in self._prefixes
        )

    def joins(self, request: Request, begin: int) -> tuple[Join, ...]:
        """The passages behind `begin` whose states are kept and can be joined."""
        found: list[Join] = []
        for first, prefix in self._kept_alone(request):
            if first < begin:
                continue
            if found and found[-1].end == first:
                found[-1] = replace(found[-1], prefixes=(*found[-1].prefixes, prefix))
            else:
                found.append(Join(first, (prefix,), request.prefixes[0]))
        return tuple(found)

    def _begin(self, request: Request, held: int) -> int:
        """Where to go on when `held` tokens are there: never from the first words of a passage.

        Passages often begin alike, and one that is begun can't be joined any more.
        """
        for first, prefix in self._kept_alone(request):
            if first < held < first + len(prefix.tokens) - request.prefixes[0]:
                return first
        return held

    def _kept_alone(self, request: Request) -> Iterator[tuple[int, Prefix]]:
        """Where each passage begins that can be joined, and what its state is kept under."""
        for first, end in request.passages if self._rope else ():
            tokens = request.alone((first, end))
            if tokens in self._prefixes:
                yield first, Prefix(tokens, 0.0)

    def join(self, slot: Slot, join: Join, prompt: tuple[int, ...]) -> int:
        """Put passages behind what the slot holds; returns the number of tokens they brought.

        0 when a state is gone or odd: then they are computed like any other text.
        """
        states = [self._prefixes.state(prefix) for prefix in join.prefixes]
        if self._rope is None or any(state is None for state in states):
            return 0
        try:
            held = self._streams.save(slot.number)
            joined = compose.join(held, states, join.skipped, self._rope)
        except compose.NotJoinable:
            log.warning("state_not_joinable", tokens=join.end - join.at)
            return 0
        if not self._streams.load(slot.number, joined):
            self._cut(slot, 0)  # all of it is computed again
            return 0
        slot.tokens.extend(prompt[join.at : join.end])
        slot.exact = False
        return join.end - join.at

    def _fill(self, request: Request, prompt: tuple[int, ...]) -> Slot:
        """A free slot with as much of `prompt` in it as can be had."""
        free = [slot for slot in self._slots if not slot.busy]
        usable = [slot for slot in free if slot.exact or request.passages]
        own = max(usable or free, key=lambda slot: self._held(slot, prompt))
        here = self._held(own, prompt) if usable else 0
        found = self._prefixes.nearest(prompt, whole=not self._cuts)
        kept = found.length if found else 0
        live, there = self._most_shared(prompt)
        slot = self._most_dispensable(free, request.lane)
        price = self._price(own, here, request.lane)
        if here and here - max(kept, there) > (min(0, price) if slot is own else price):
            return self._moved(own) if _loses_talk(own, here) else own
        self._moved(slot)
        self._cut(slot, 0)
        if live is not None and there >= kept + WORTH_TOKENS:
            if self._streams.copy(live.number, slot.number):
                slot.tokens = list(live.tokens)
        elif found is not None:
            self._restore(slot, found.prefix)
        return slot

    def _price(self, slot: Slot, here: int, lane: Lane) -> int:
        """How many more tokens than elsewhere must be here for a slot to be taken for them.

        A talk that has to be moved costs time, as a gap among the background's slots does; but
        what need not be restored saves some.
        """
        if _loses_talk(slot, here):
            return MOVE_WORTH_TOKENS
        foreign = (slot.number < self._background) == (lane is Lane.INTERACTIVE)
        return WORTH_TOKENS if foreign else -WORTH_TOKENS

    def _held(self, slot: Slot, prompt: tuple[int, ...]) -> int:
        """How much of the prompt would be left of what a slot holds."""
        length = common_length(slot.tokens, prompt)
        return length if self._cuts or length == len(slot.tokens) else 0

    def _most_shared(self, prompt: tuple[int, ...]) -> tuple[Slot | None, int]:
        """The busy slot that holds most of the prompt: its sequence goes on undisturbed."""
        busy = [slot for slot in self._slots if slot.busy and slot.exact and slot.tokens]
        if not (busy and self._cuts):
            return None, 0
        best = max(busy, key=lambda slot: common_length(slot.tokens, prompt))
        return best, common_length(best.tokens, prompt)

    def _moved(self, slot: Slot) -> Slot:
        """The slot, after a talk in it was saved to RAM."""
        tokens = tuple(slot.tokens)
        if slot.talk and slot.exact and len(tokens) >= MOVE_WORTH_TOKENS:
            found = self._prefixes.nearest(tokens)
            if len(tokens) - (found.length if found else 0) >= MOVE_WORTH_TOKENS:
                self._keep(slot, durable=False, sources=slot.sources)
        return slot

    def _most_dispensable(self, free: list[Slot], lane: Lane) -> Slot:
        """The background gets the first slot; people the last one without a talk in it.

        So talks stay where they are as long as there is room, and the background's streams are
        neighbours: those are computed together, and a gap between them costs a fifth of the decode
        speed (measured). When all slots hold talks, the one that rested longest is moved.
        """
        if lane is not Lane.INTERACTIVE:
            return min(free, key=lambda slot: slot.number)
        empty = [slot for slot in free if not (slot.talk and slot.tokens)]
        if empty:
            return max(empty, key=lambda slot: slot.number)
        return min(free, key=lambda slot: slot.used_at)

    def _keep(self, slot: Slot, durable: bool, sources: frozenset[str]) -> None:
        tokens = tuple(slot.tokens)
        if tokens not in self._prefixes:
            seconds = len(tokens) * self.seconds_per_token
            prefix = Prefix(tokens, seconds, sources, durable)
            self._prefixes.put(prefix, self._streams.save(slot.number))

    def _restore(self, slot: Slot, prefix: Prefix) -> None:
        state = self._prefixes.state(prefix)
        if state is not None and self._streams.load(slot.number, state):
            slot.tokens = list(prefix.tokens)
            return
        log.warning("prefix_state_refused", tokens=len(prefix.tokens))
        self._prefixes.drop(prefix)
        self._cut(slot, 0)

    def _cut(self, slot: Slot, length: int) -> None:
        """Forget what stands behind `length` tokens, or all of it where memory is all or nothing.

        A recurrent model's state can't be taken back a few tokens.
        """
        kept = length if self._streams.trim(slot.number, length) else 0
        if kept < length:
            self._streams.trim(slot.number, 0)
        del slot.tokens[kept:]
        slot.exact = slot.exact or not kept


def _loses_talk(slot: Slot, length: int) -> bool:
    """Whether a person might miss what stands behind `length` tokens."""
    return slot.talk and len(slot.tokens) - length >= MOVE_WORTH_TOKENS
