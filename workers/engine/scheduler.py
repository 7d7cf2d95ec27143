"""The engine's loop: admit, plan, decode, sample; one thread, many sequences.

requests → waiting → slot → prefill → decode → finished
                       └ keeps its KV for the next request that begins the same way
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict

import structlog

from ingest.compute import compute
from ingest.openmp import send_threads_away
from workers.engine.compose import rope_of
from workers.engine.context import Row
from workers.engine.drafter import Drafter
from workers.engine.load import Load, Tally
from workers.engine.model import Model
from workers.engine.policy import LanePolicy, Plan, Share
from workers.engine.prefixes import PrefixCache
from workers.engine.requests import FinishReason
from workers.engine.rows import Sampled, rows_of
from workers.engine.sequence import Sequence
from workers.engine.slots import Slots
from workers.engine.streams import Streams
from workers.errors import EngineStopped, RpcHostLost

#: A decode that takes longer than this is held to be wedged: the largest takes minutes on the
#: slowest hosts, and nothing but a new process helps.
WEDGED_SECONDS = 900.0

log = structlog.get_logger()


class Scheduler:
    """Runs sequences over the streams."""

    def __init__(
        self, model: Model, streams: Streams, drafter: Drafter, reserved: int, prefixes: PrefixCache
    ) -> None:
        """`reserved` slots are kept for the interactive lane."""
        self._model, self._streams, self._prefixes = model, streams, prefixes
        self._reserved = reserved
        self._policy = LanePolicy(streams.batch_tokens, drafter)
        background = streams.count - reserved
        self._slots = Slots(
            streams, prefixes, background=background, cuts=model.cuts, rope=rope_of(model)
        )
        self._waiting: deque[Sequence] = deque()
        self._active: list[Sequence] = []
        self._errands: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = self._interruptible = False
        self._tally, self._decoding_since = Tally(), 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the loop runs, and is not stuck in a decode."""
        since = self._decoding_since
        wedged = since and time.monotonic() - since > WEDGED_SECONDS
        return self._thread.is_alive() and not self._stopping and not wedged

    def stop(self) -> None:
        """End after the step in progress; what is unfinished gets EngineStopped."""
        with self._wake:
            self._stopping = True
            self._streams.interrupt()
            self._wake.notify()
        self._thread.join()

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence. Raises EngineStopped when nobody would work on it."""
        with self._wake:
            if self._stopping or not self._thread.is_alive():
                sequence.close()
                raise EngineStopped(reason="it no longer takes requests")
            self._waiting.append(sequence)
            if sequence.interactive and self._interruptible:
                self._streams.interrupt()
            self._wake.notify()

    def see_cancelled(self) -> None:
        """Drop who was cancelled now, not after the step in progress; from any thread."""
        with self._wake:
            if self._model.cuts and any(one.answer.cancelled for one in list(self._active)):
                self._streams.interrupt()

    def forget_sources(self, sources: frozenset[str]) -> None:
        """Soon forget what idle slots hold of these documents; from any thread."""
        with self._wake:
            self._errands.append(lambda: self._slots.forget_sources(sources))
            self._wake.notify()

    def sources(self) -> frozenset[str]:
        """The documents that idle slots hold words of; from any thread."""
        return self._slots.sources()

    def holds(self, tokens: tuple[int, ...]) -> bool:
        """Whether a slot begins with these tokens at this moment; from any thread."""
        return self._slots.holds(tokens)

    def load(self) -> Load:
        """What has been done and is being done; from any thread."""
        active = list(self._active)
        people = sum(sequence.interactive for sequence in active)
        counts = self._prefixes.counts
        return Load(
            **asdict(self._tally),
            interactive=people,
            background=len(active) - people,
            waiting=len(self._waiting),
            slots=self._streams.count,
            prefix_hits=counts.hits,
            prefix_bytes=counts.ram_bytes,
            disk_bytes=counts.disk_bytes,
        )

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                while self._errands:
                    self._errands.popleft()()
                self._drop_cancelled()
                self._admit()
                self._step(self._policy.plan(self._active))
        finally:
            self.abandon(EngineStopped(reason="it was shut down"))

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._waiting or self._active or self._errands or self._stopping):
                send_threads_away()
                began = time.monotonic()
                self._wake.wait()
                self._tally.idle_seconds += time.monotonic() - began
            return not self._stopping

    def abandon(self, error: EngineStopped | RpcHostLost) -> None:
        """Take no more requests, and end those that are there; from any thread."""
        with self._wake:
            self._stopping = True
            unfinished = [*self._active, *self._waiting]
            self._waiting.clear()
        for sequence in unfinished:
            sequence.fail(error)

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
            slot = self._slots.take(sequence.request)
            begin = len(slot.tokens)
            stops = self._slots.unkept(sequence.request, begin)
            sequence.place(slot, stops, self._slots.joins(sequence.request, begin))
            self._tally.cached_tokens += sequence.cached
            self._join(sequence)
            if not sequence.request.max_tokens and not sequence.prefilling:
                self._finish(sequence, "length")  # all that was wanted is there already

    def _next_admissible(self) -> Sequence | None:
        people = sum(sequence.interactive for sequence in self._active)
        with self._wake:
            for sequence in sorted(self._waiting, key=lambda one: not one.interactive):
                kept = 0 if sequence.interactive else max(0, self._reserved - people)
                if self._slots.free > kept and not self._soon_shared(sequence):
                    self._waiting.remove(sequence)
                    return sequence
        return None

    def _soon_shared(self, sequence: Sequence) -> bool:
        """Whether another one computes a beginning of its prompt, and goes first anyway."""
        return any(
            other.will_share(sequence)
            for other in self._active
            if other.interactive or not sequence.interactive
        )

    def _step(self, plan: Plan) -> None:
        if not plan.shares:
            return
        rows, sampled = rows_of(plan.shares)
        try:
            seconds = self._decode(rows, plan)
        except EngineStopped as error:
            log.warning("decode_failed", rows=len(rows), error=str(error))
            self._fail(plan.shares, error)
            return
        if seconds is None:
            self._tally.preemptions += 1
            self._take_back(plan.shares)
            return
        self._tally.add(plan.shares, seconds)
        self._slots.seconds_per_token = self._tally.seconds_per_token
        for share in plan.shares:
            share.sequence.tokens.extend(share.tokens)
            self._slots.keep_prefix(share.sequence.slot, share.sequence.request)
            self._join(share.sequence)
            if not share.sequence.request.max_tokens and not share.sequence.prefilling:
                self._finish(share.sequence, "length")
        for each in sampled:
            self._take_tokens(each)

    def _join(self, sequence: Sequence) -> None:
        join = sequence.joins.pop(len(sequence.tokens), None)
        if join is not None:
            brought = self._slots.join(sequence.slot, join, sequence.request.prompt)
            sequence.joined(brought)
            self._tally.cached_tokens += brought

    def _decode(self, rows: list[Row], plan: Plan) -> float | None:
        """The seconds it took; None when it was interrupted."""
        interruptible = plan.interruptible and self._model.cuts
        with self._wake:
            people_wait = any(sequence.interactive for sequence in self._waiting)
            if interruptible and people_wait and self._slots.free:
                return None
            self._interruptible = interruptible
            self._streams.go_on()
        try:
            # Who needs the cores to find a person's evidence interrupts the background as well.
            with compute.turn(give_way=self._streams.interrupt if interruptible else None):
                self._decoding_since = began = time.monotonic()
                return time.monotonic() - began if self._streams.decode(rows) else None
        finally:
            self._decoding_since = 0.0
            with self._wake:
                self._interruptible = False

    def _take_back(self, shares: tuple[Share, ...]) -> None:
        """After an interruption: whole pieces of prompts stay, the rest is computed again."""
        for share in shares:
            slot, request = share.sequence.slot, share.sequence.request
            begin = len(slot.tokens)
            done = min(self._streams.length(slot.number) - begin, len(share.tokens))
            if begin + done >= len(request.prompt):
                done = max(0, len(request.prompt) - 1 - begin)  # its logits are lost
            slot.tokens.extend(share.tokens[:done])
            self._slots.retract(slot, len(slot.tokens))
            self._slots.keep_prefix(slot, request)

    def _fail(self, shares: tuple[Share, ...], error: EngineStopped) -> None:
        for share in shares:
            self._active.remove(share.sequence)
            self._slots.forget(share.sequence.slot)
            share.sequence.fail(error)

    def _take_tokens(self, sampled: Sampled) -> None:
        """Sample behind each row, as long as a draft says what the model would have said."""
        sequence, drafted = sampled.sequence, len(sampled.tokens) - 1
        number = sequence.slot.number
        for place in range(len(sampled.tokens)):
            token = sequence.sampler.sample(*self._streams.logits(number, sampled.row + place))
            right = place < drafted and token == sampled.tokens[place + 1]
            ends = self._take_token(sequence, token)
            if ends or not right:
                break
        if not drafted:
            return
        self._tally.judge_draft(sequence.guessed, place)
        sequence.judge_draft(place)
        del sequence.tokens[len(sequence.tokens) - drafted + place :]
        self._slots.retract(sequence.slot, len(sequence.tokens))

    def _take_token(self, sequence: Sequence, token: int) -> bool:
        """Whether the answer ends here."""
        sequence.first_token = sequence.first_token or time.monotonic()
        if self._model.ends_generation(token) and not sequence.request.sampling.ignore_eos:
            self._finish(sequence, "stop")
            return True
        self._tally.written_tokens += 1
        sequence.write(token, self._model.piece(token))
        if sequence.text.stopped:
            self._finish(sequence, "stop")
        elif len(sequence.written) >= sequence.request.max_tokens:
            self._finish(sequence, "length")
        else:
            return False
        return True

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        self._active.remove(sequence)
        self._slots.release(sequence.slot)
        sequence.end(reason)
