"""One request inside the engine, and the line on which its answer travels to who asked."""

import queue
import time
from collections.abc import Callable, Iterator

from ingest.errors import LecternError
from workers.engine.lookup import Lookup
from workers.engine.requests import Finish, FinishReason, Request, Usage
from workers.engine.sampler import Sampler
from workers.engine.slots import Join, Slot
from workers.engine.text import TextStream
from workers.states import Lane

#: So many tokens that another sequence computes are worth waiting for.
SHARED_TOKENS = 64


class Answer:
    """The text of one request as it is written: iterate for pieces, then read `finish`.

    Iterating in one thread; `cancel` may be called from any.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.finish: Finish | None = None
        self._line: queue.SimpleQueue[str | Finish | LecternError] = queue.SimpleQueue()
        self._cancelled = False

    def __iter__(self) -> Iterator[str]:
        try:
            while self.finish is None:
                item = self._line.get()
                if isinstance(item, Finish):
                    self.finish = item
                elif isinstance(item, LecternError):
                    raise item
                else:
                    yield item
        finally:
            self.cancel()  # an abandoned iterator must not leave the engine working

    def cancel(self) -> None:
        """Stop between two decode steps; harmless when it has ended."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether somebody no longer wants it."""
        return self._cancelled or self.request.cancelled()

    def tell(self, item: str | Finish | LecternError) -> None:
        """Called by the scheduler: the next piece, the end, or what went wrong."""
        self._line.put(item)


class Sequence:
    """A request's state between decode steps. Belongs to the scheduler's thread."""

    def __init__(
        self, answer: Answer, sampler: Sampler, remember: Callable[[str, list[int]], None]
    ) -> None:
        """`remember` is told the whole answer and its tokens when it is complete."""
        self.answer = answer
        self._remember, self._told = remember, list[str]()
        self.request = answer.request
        self.sampler = sampler
        self.slot = Slot(-1)  #: a real one once it is admitted
        self.cached = 0
        self.composed = 0  #: of the cached tokens, those put together from elsewhere
        self.stops: tuple[int, ...] = ()  #: lengths at which a prefix is to be kept
        self.joins: dict[int, Join] = {}  #: by the length at which a passage is joined
        self.text = TextStream(self.request.stop)
        self.written: list[int] = []  #: sampled tokens; the last one is not in `tokens` yet
        self.lookup: Lookup | None = None  #: guesses what may come next, where that pays
        self.guessed = 0  #: tokens of the latest draft that were guessed
        self.arrived = time.monotonic()
        self.admitted = self.first_token = 0.0

    @property
    def tokens(self) -> list[int]:
        """Tokens whose KV is in the slot."""
        return self.slot.tokens

    @property
    def prefilling(self) -> bool:
        """Whether part of the prompt has no KV yet."""
        return len(self.tokens) < len(self.request.prompt)

    @property
    def interactive(self) -> bool:
        """Whether a person waits for it."""
        return self.request.lane == Lane.INTERACTIVE

    def place(self, slot: Slot, stops: tuple[int, ...], joins: tuple[Join, ...] = ()) -> None:
        """Begin in a slot that holds the first part of the prompt, or nothing yet."""
        self.slot, self.cached, self.stops = slot, len(slot.tokens), stops
        self.joins = {join.at: join for join in joins}
        self.admitted = time.monotonic()

    def next_prompt_tokens(self, limit: int) -> tuple[int, ...]:
        """The next piece of the prompt; it ends where a prefix is kept or a passage joined."""
        begin = len(self.tokens)
        ahead = [stop for stop in (*self.stops, *self.joins) if stop > begin]
        return self.request.prompt[begin : min(begin + limit, *ahead, len(self.request.prompt))]

    def joined(self, count: int) -> None:
        """Count tokens of the prompt that were joined from elsewhere."""
        self.cached += count
        self.composed += count

    def write(self, token: int, piece: bytes) -> None:
        """Add a sampled token, which stands for the bytes `piece`, and tell what is certain now."""
        self.written.append(token)
        if self.lookup is not None:
            self.lookup.push(token)
        self.tell(self.text.push(piece))

    def tell(self, text: str) -> None:
        """Pass text on to who asked."""
        if text:
            self._told.append(text)
            self.answer.tell(text)

    def expected(self, limit: int) -> float:
        """Tokens that a step with at most `limit` guesses is likely to bring."""
        return 1.0 if self.lookup is None else self.lookup.expected(limit)

    def draft(self, count: int) -> tuple[int, ...]:
        """Exactly `count` tokens that may follow the last one: guesses, then filling."""
        guesses = () if self.lookup is None else self.lookup.guess(count)
        self.guessed = len(guesses)
        return (*guesses, *self.written[-1:] * (count - self.guessed))

    def judge_draft(self, accepted: int) -> None:
        """Remember how good the guesses were."""
        if self.lookup is not None:
            self.lookup.judged(self.guessed, accepted)

    def will_share(self, other: "Sequence") -> bool:
        """Whether a prefix that `other` wants too is being computed here right now.

        It is worth waiting for: two would compute the same.
        """
        held = len(self.tokens)
        return any(
            stop - held >= SHARED_TOKENS
            and stop in other.request.prefixes
            and self.request.prompt[:stop] == other.request.prompt[:stop]
            for stop in self.stops
            if held < stop
        )

    def end(self, reason: FinishReason) -> None:
        """Tell the rest of the text and what it cost."""
        if reason != "cancelled":
            self.tell(self.text.finish())
            if not self.text.stopped:  # the tokens of a stop string are no part of the answer
                self._remember("".join(self._told), self.written)
        self.answer.tell(Finish(reason, self._usage()))
        self.close()

    def fail(self, error: LecternError) -> None:
        """Tell what went wrong."""
        self.answer.tell(error)
        self.close()

    def close(self) -> None:
        """Free what is held in C."""
        self.sampler.close()

    def _usage(self) -> Usage:
        now = time.monotonic()
        admitted = self.admitted or now
        first = self.first_token or now
        return Usage(
            prompt_tokens=len(self.request.prompt),
            cached_tokens=self.cached,
            composed_tokens=self.composed,
            completion_tokens=len(self.written),
            queue_seconds=admitted - self.arrived,
            prefill_seconds=first - admitted,
            decode_seconds=now - first,
        )
