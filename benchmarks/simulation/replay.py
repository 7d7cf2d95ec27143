"""The event loop: arrivals, slots, steps, tokens; and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.figures import percentile
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.policies import Plan, Policy, Running, Share
from benchmarks.simulation.trace import Call, Trace

ABORT_SECONDS = 0.005  #: until a decode that was interrupted returns


@dataclass(frozen=True, slots=True)
class Engine:
    """What calls are admitted to."""

    slots: int = 8
    reserved: int = 2  #: more of them, for people alone; 0: whoever comes first
    keeps_prefixes: bool = True


@dataclass(frozen=True, slots=True)
class Served:
    """A call and when its tokens came, in the trace's seconds."""

    call: Call
    told: tuple[float, ...]

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.told[0] - self.call.arrival

    @property
    def gaps(self) -> list[float]:
        """Seconds between tokens."""
        return [after - before for before, after in zip(self.told, self.told[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trace."""

    served: tuple[Served, ...]

    @property
    def makespan(self) -> float:
        """Seconds to the last token of all."""
        return max((one.told[-1] for one in self.served), default=0.0)

    @property
    def people(self) -> list[Served]:
        """Those that somebody waited for."""
        return [one for one in self.served if one.call.interactive]

    @property
    def background_end(self) -> float:
        """Seconds to the last token that nobody waited for."""
        return max((one.told[-1] for one in self.served if not one.call.interactive), default=0.0)

    def figures(self) -> dict[str, float]:
        """The ones that policies are compared by."""
        first = [one.first for one in self.people]
        gaps = [gap for one in self.people for gap in one.gaps]
        tokens = sum(one.call.prompt + one.call.output for one in self.served)
        return {
            "first_token_p50": median(first) if first else 0.0,
            "first_token_p95": percentile(first, 0.95) if first else 0.0,
            "gap_p50": median(gaps) if gaps else 0.0,
            "gap_p95": percentile(gaps, 0.95) if gaps else 0.0,
            "background_end": self.background_end,
            "makespan": self.makespan,
            "tokens_per_second": tokens / self.makespan if self.makespan else 0.0,
        }


def replay(trace: Trace, policy: Policy, costs: Costs, engine: Engine) -> Outcome:
    """Run a trace to its end."""
    return _Replay(trace, policy, costs, engine).run()


@dataclass(slots=True)
class _Replay:
    trace: Trace
    policy: Policy
    costs: Costs
    engine: Engine
    now: float = 0.0
    waiting: list[Call] = field(default_factory=list)
    active: list[Running] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    served: list[Served] = field(default_factory=list)

    def run(self) -> Outcome:
        coming = list(reversed(self.trace))
        while coming or self.waiting or self.active:
            while coming and coming[-1].arrival <= self.now:
                self.waiting.append(coming.pop())
            self._admit()
            plan = self.policy.plan(self.active, self.now)
            if plan.shares:
                self._step(plan, self._interruption(plan, coming))
            else:
                self.now = coming[-1].arrival
        return Outcome(tuple(self.served))

    def _admit(self) -> None:
        order = sorted(self.waiting, key=lambda c: not c.interactive and self.engine.reserved > 0)
        for call in order:
            people = sum(one.call.interactive for one in self.active)
            kept = 0 if call.interactive else max(0, self.engine.reserved - people)
            free = self.engine.slots + self.engine.reserved - len(self.active)
            if free > kept and not self._soon_shared(call):
                self.waiting.remove(call)
                self.active.append(self._placed(call))

    def _soon_shared(self, call: Call) -> bool:
        """Whether another one computes the same beginning right now."""
        return self.engine.keeps_prefixes and any(
            call.prefix and one.call.prefix == call.prefix and one.held < one.call.shared
            for one in self.active
            if one.call.interactive or not call.interactive
        )

    def _placed(self, call: Call) -> Running:
        if not (self.engine.keeps_prefixes and call.prefix in self.kept):
            return Running(call)
        self.now += call.shared * self.costs.restore
        return Running(call, held=min(call.shared, call.prompt - 1))

    def _interruption(self, plan: Plan, coming: Sequence[Call]) -> float:
        """When a person comes who may interrupt the step."""
        arrivals = (call.arrival for call in reversed(coming) if call.interactive)
        return next(arrivals, float("inf")) if plan.interruptible else float("inf")

    def _step(self, plan: Plan, interruption: float) -> None:
        self.now += self.costs.step
        reading = [share.running for share in plan.shares if share.running.prefilling]
        for piece in _ubatches(plan.shares, self.costs.ubatch):
            longest = max(share.running.length + share.rows for share in piece)
            end = self.now + self.costs.seconds(len(piece), piece[0].rows, longest)
            if end > interruption:
                self.now = max(self.now, interruption) + ABORT_SECONDS
                for running in reading:  # the logits of what was computed are lost
                    running.held = min(running.held, running.call.prompt - 1)
                return
            self.now = end
            for share in piece:
                if share.running.prefilling:
                    self._read(share.running, share.rows)
        for share in plan.shares:
            if not share.running.prefilling:
                self._tell(share.running)

    def _read(self, running: Running, rows: int) -> None:
        running.held += rows
        if running.call.prefix and running.held >= running.call.shared:
            self.kept.add(running.call.prefix)

    def _tell(self, running: Running) -> None:
        """A token at the step's end."""
        running.written += 1
        running.told.append(self.now)
        if running.written >= running.call.output:
            self.active.remove(running)
            self.served.append(Served(running.call, tuple(running.told)))


def _ubatches(shares: Sequence[Share], limit: int) -> Iterator[tuple[Share, ...]]:
    """Equally many rows of each sequence that has any left, as llama.cpp splits with KV apart."""
    left = {id(share): share.rows for share in shares}
    while open_shares := [share for share in shares if left[id(share)]]:
        rows = min(left[id(share)] for share in open_shares)
        rows = max(1, min(rows, limit // len(open_shares)))
        yield tuple(Share(share.running, rows) for share in open_shares)
        for share in open_shares:
            left[id(share)] -= rows
