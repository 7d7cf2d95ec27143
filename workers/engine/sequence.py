"""One request inside the engine, and the line on which its answer travels to who asked."""

import queue
import time
from collections.abc import Iterator

from ingest.errors import LecternError
from workers.engine.requests import Finish, FinishReason, Request, Usage
from workers.engine.sampler import Sampler
from workers.engine.slots import Slot
from workers.engine.text import TextStream
from workers.jobs import Lane


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

    def __init__(self, answer: Answer, sampler: Sampler) -> None:
        self.answer = answer
        self.request = answer.request
        self.sampler = sampler
        self.slot = Slot(-1)  #: a real one once it is admitted
        self.cached = 0
        self.text = TextStream(self.request.stop)
        self.written: list[int] = []  #: sampled tokens; the last one is not in `tokens` yet
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

    def place(self, slot: Slot) -> None:
        """Begin in a slot that holds the first part of the prompt, or nothing yet."""
        self.slot, self.cached = slot, len(slot.tokens)
        self.admitted = time.monotonic()

    def next_prompt_tokens(self, limit: int) -> tuple[int, ...]:
        """The next piece of the prompt; it ends at the shared prefix so that it can be saved."""
        begin = len(self.tokens)
        end = min(begin + limit, len(self.request.prompt))
        if begin < self.request.prefix_tokens < end:
            end = self.request.prefix_tokens
        return self.request.prompt[begin:end]

    def end(self, reason: FinishReason) -> None:
        """Tell the rest of the text and what it cost."""
        rest = "" if reason == "cancelled" else self.text.finish()
        if rest:
            self.answer.tell(rest)
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
            completion_tokens=len(self.written),
            queue_seconds=admitted - self.arrived,
            prefill_seconds=first - admitted,
            decode_seconds=now - first,
        )
