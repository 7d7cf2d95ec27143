"""The engine's loop: admit, plan, decode, sample; one thread, many sequences.

requests → waiting → slot → prefill → decode → finished
                       └ keeps its KV for the next request that begins the same way
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import structlog

from ingest.compute import compute
from workers.engine.context import Context, Row
from workers.engine.model import Model
from workers.engine.policy import LanePolicy, Share
from workers.engine.prefixes import PrefixCache, common_length
from workers.engine.requests import FinishReason
from workers.engine.sampler import GrammarRefused, Sampler
from workers.engine.sequence import Answer, Sequence
from workers.errors import EngineStopped

#: A slot's own KV must match this many tokens less than a saved prefix to be preferred to it.
COPY_WORTH_TOKENS = 16

log = structlog.get_logger()


@dataclass(slots=True)
class Slot:
    """One KV stream of the context and the tokens it holds."""

    number: int
    tokens: list[int] = field(default_factory=list)
    used_at: float = 0.0
    busy: bool = False


class Scheduler:
    """Runs sequences over one context."""

    def __init__(
        self, model: Model, context: Context, *, reserved: int, prefixes: PrefixCache
    ) -> None:
        """`reserved` slots are kept free for the interactive lane."""
        self._model, self._context = model, context
        self._reserved = reserved
        self._prefixes = prefixes
        self._policy = LanePolicy()
        self._slots = [Slot(number) for number in range(context.shape.sequences)]
        self._waiting: deque[Sequence] = deque()
        self._active: list[Sequence] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive() and not self._stopping

    def stop(self) -> None:
        """End after the step in progress; what is unfinished gets EngineStopped."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def submit(self, answer: Answer) -> None:
        """Queue a request. Raises EngineStopped when nobody would answer it."""
        with self._wake:
            if self._stopping or not self._thread.is_alive():
                raise EngineStopped(reason="it no longer takes requests")
            self._waiting.append(Sequence(answer))
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._drop_cancelled()
                self._admit()
                self._step(self._policy.plan(self._active))
        finally:
            self._fail_all()

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._waiting or self._active or self._stopping):
                self._wake.wait()
            return not self._stopping

    def _fail_all(self) -> None:
        with self._wake:
            self._stopping = True
            unfinished = [*self._active, *self._waiting]
            self._waiting.clear()
        for sequence in unfinished:
            sequence.fail(EngineStopped(reason="it was shut down"))

    def _drop_cancelled(self) -> None:
        for sequence in [one for one in self._active if one.answer.cancelled]:
            self._retire(sequence)
            sequence.end("cancelled")
        with self._wake:
            dropped = [one for one in self._waiting if one.answer.cancelled]
            for sequence in dropped:
                self._waiting.remove(sequence)
        for sequence in dropped:
            sequence.end("cancelled")

    def _admit(self) -> None:
        while (sequence := self._next_admissible()) is not None:
            try:
                sequence.sampler = Sampler(self._model, sequence.request.sampling)
            except GrammarRefused as error:
                sequence.fail(error)
                continue
            self._place(sequence)
            self._active.append(sequence)

    def _next_admissible(self) -> Sequence | None:
        free = sum(not slot.busy for slot in self._slots)
        with self._wake:
            for sequence in sorted(self._waiting, key=lambda one: not one.interactive):
                if free > (0 if sequence.interactive else self._reserved):
                    self._waiting.remove(sequence)
                    return sequence
        return None

    def _place(self, sequence: Sequence) -> None:
        """Give the sequence the free slot, or the saved prefix, that spares it most prefill."""
        prompt = sequence.request.prompt
        free = [slot for slot in self._slots if not slot.busy]
        slot = max(free, key=lambda one: (common_length(one.tokens, prompt), -one.used_at))
        shared = min(common_length(slot.tokens, prompt), len(prompt) - 1)
        saved = self._prefixes.longest(prompt)
        if saved and len(saved[0]) > shared + COPY_WORTH_TOKENS:
            slot = min(free, key=lambda one: one.used_at)
            shared = self._restore(slot, *saved)
        self._context.trim(slot.number, shared)
        del slot.tokens[shared:]
        slot.busy = True
        sequence.slot, sequence.tokens, sequence.cached = slot.number, slot.tokens, shared
        sequence.admitted = time.monotonic()

    def _restore(self, slot: Slot, tokens: tuple[int, ...], state: bytes) -> int:
        if self._context.load(slot.number, state):
            slot.tokens = list(tokens)
            return len(tokens)
        log.warning("prefix_state_refused", tokens=len(tokens))
        self._prefixes.drop(tokens)
        slot.tokens = []
        return 0

    def _step(self, shares: list[Share]) -> None:
        if not shares:
            return
        rows, sampled = _rows(shares)
        try:
            with compute.turn():
                self._context.decode(rows)
        except EngineStopped as error:
            log.error("decode_failed", rows=len(rows), error=str(error))
            for share in shares:
                self._forget(share.sequence)
                share.sequence.fail(error)
            return
        for share in shares:
            share.sequence.tokens.extend(share.tokens)
            self._save_prefix(share.sequence)
        for sequence, row in sampled:
            self._take_token(sequence, row)

    def _save_prefix(self, sequence: Sequence) -> None:
        length = sequence.request.prefix_tokens
        if length and len(sequence.tokens) == length:
            prefix = sequence.request.prompt[:length]
            if prefix not in self._prefixes:
                self._prefixes.put(prefix, self._context.save(sequence.slot))

    def _take_token(self, sequence: Sequence, row: int) -> None:
        assert sequence.sampler is not None
        token = sequence.sampler.sample(self._context.handle, row)
        sequence.first_token = sequence.first_token or time.monotonic()
        if self._model.ends_generation(token):
            self._finish(sequence, "stop")
            return
        sequence.written.append(token)
        text = sequence.text.push(self._model.piece(token))
        if text:
            sequence.answer.tell(text)
        if sequence.text.stopped:
            self._finish(sequence, "stop")
        elif len(sequence.written) >= sequence.request.max_tokens:
            self._finish(sequence, "length")

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        self._retire(sequence)
        sequence.end(reason)

    def _retire(self, sequence: Sequence) -> None:
        """Free the slot; its KV stays for whoever begins with the same tokens."""
        slot = self._slots[sequence.slot]
        slot.busy, slot.used_at = False, time.monotonic()
        self._active.remove(sequence)

    def _forget(self, sequence: Sequence) -> None:
        """Free the slot after a failed decode: nobody knows what its KV holds."""
        self._retire(sequence)
        self._context.trim(sequence.slot, 0)
        self._slots[sequence.slot].tokens.clear()


def _rows(shares: list[Share]) -> tuple[list[Row], list[tuple[Sequence, int]]]:
    """Batch rows of the shares, and which row's logits each sequence samples from."""
    rows: list[Row] = []
    sampled: list[tuple[Sequence, int]] = []
    for share in shares:
        sequence, begin = share.sequence, len(share.sequence.tokens)
        complete = begin + len(share.tokens) >= len(sequence.request.prompt)
        for offset, token in enumerate(share.tokens):
            last = offset == len(share.tokens) - 1
            rows.append(Row(token, begin + offset, sequence.slot, complete and last))
        if complete:
            sampled.append((sequence, len(rows) - 1))
    return rows, sampled
