"""The engine's loop: admit, plan, decode, sample; one thread, many sequences.

requests → waiting → slot → prefill → decode → finished
                       └ keeps its KV for the next request that begins the same way
"""

import threading
import time
from collections import deque

import structlog

from ingest.compute import compute
from workers.engine.context import Context, Row
from workers.engine.model import Model
from workers.engine.policy import LanePolicy, Share
from workers.engine.prefixes import PrefixCache
from workers.engine.requests import FinishReason
from workers.engine.sequence import Sequence
from workers.engine.slots import Slots
from workers.errors import EngineStopped

log = structlog.get_logger()


class Scheduler:
    """Runs sequences over one context."""

    def __init__(
        self, model: Model, context: Context, *, reserved: int, prefixes: PrefixCache
    ) -> None:
        """`reserved` slots are kept for the interactive lane."""
        self._model, self._context = model, context
        self._reserved = reserved
        self._policy = LanePolicy()
        self._slots = Slots(context, prefixes)
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

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence. Raises EngineStopped when nobody would work on it."""
        with self._wake:
            if self._stopping or not self._thread.is_alive():
                sequence.close()
                raise EngineStopped(reason="it no longer takes requests")
            self._waiting.append(sequence)
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
            self._finish(sequence, "cancelled")
        with self._wake:
            dropped = [one for one in self._waiting if one.answer.cancelled]
            for sequence in dropped:
                self._waiting.remove(sequence)
        for sequence in dropped:
            sequence.end("cancelled")

    def _admit(self) -> None:
        while (sequence := self._next_admissible()) is not None:
            self._active.append(sequence)  # first: should placing fail, it still gets an answer
            sequence.place(self._slots.take(sequence.request))

    def _next_admissible(self) -> Sequence | None:
        people = sum(sequence.interactive for sequence in self._active)
        free = self._slots.free
        with self._wake:
            for sequence in sorted(self._waiting, key=lambda one: not one.interactive):
                kept = 0 if sequence.interactive else max(0, self._reserved - people)
                if free > kept:
                    self._waiting.remove(sequence)
                    return sequence
        return None

    def _step(self, shares: list[Share]) -> None:
        if not shares:
            return
        rows, sampled = _rows(shares)
        try:
            with compute.turn():
                self._context.decode(rows)
        except EngineStopped as error:
            log.warning("decode_failed", rows=len(rows), error=str(error))
            for share in shares:
                self._active.remove(share.sequence)
                self._slots.forget(share.sequence.slot)
                share.sequence.fail(error)
            return
        for share in shares:
            sequence = share.sequence
            sequence.tokens.extend(share.tokens)
            self._slots.save_prefix(sequence.slot, sequence.request.prefix_tokens)
        for sequence, row in sampled:
            self._take_token(sequence, row)

    def _take_token(self, sequence: Sequence, row: int) -> None:
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
        self._active.remove(sequence)
        self._slots.release(sequence.slot)
        sequence.end(reason)


def _rows(shares: list[Share]) -> tuple[list[Row], list[tuple[Sequence, int]]]:
    """Batch rows of the shares, and which row's logits each sequence samples from.

    In the order of their slots: llama.cpp computes only ascending neighbours together.
    """
    rows: list[Row] = []
    sampled: list[tuple[Sequence, int]] = []
    for share in sorted(shares, key=lambda one: one.sequence.slot.number):
        sequence, begin = share.sequence, len(share.sequence.tokens)
        complete = begin + len(share.tokens) >= len(sequence.request.prompt)
        for offset, token in enumerate(share.tokens):
            last = offset == len(share.tokens) - 1
            rows.append(Row(token, begin + offset, sequence.slot.number, complete and last))
        if complete:
            sampled.append((sequence, len(rows) - 1))
    return rows, sampled
