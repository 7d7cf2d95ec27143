"""What a workload has at hand: sizes, peers, and the way they are compared."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import Corpus
from benchmarks.figures import Sample
from benchmarks.lectern import Lectern
from benchmarks.peer import Peer
from benchmarks.servers import Server, Setting, llama_server

SLOT_TOKENS = 4_096  #: context of each slot, the same for Lectern by default
#: A peer that uses more of one core than this while another is measured is not idle.
IDLE_SHARE = 0.05
IDLE_SECONDS = 0.25

Timings = Mapping[str, float]
Work = Callable[[Peer, int], Timings]


@dataclass(frozen=True)
class Comparison:
    """Lectern and the best settings of llama-server at one workload, in seconds by metric."""

    lectern: Mapping[str, Sample]
    servers: Mapping[str, Mapping[str, Sample]]  #: those that were best at something, by name
    tried: Mapping[str, Timings]  #: every setting's first run

    def best(self, metric: str) -> tuple[str, Sample]:
        """The setting that was quickest at `metric`, and its times."""
        name = min(self.servers, key=lambda one: self.servers[one][metric].middle)
        return name, self.servers[name][metric]

    def times_faster(self, metric: str) -> float:
        """Best server's time ÷ Lectern's."""
        return self.best(metric)[1].middle / self.lectern[metric].middle

    def share(self, metric: str) -> float:
        """Lectern's time ÷ the best server's."""
        return 1 / self.times_faster(metric)

    def detail(self, metric: str) -> str:
        """Both times, and what the other settings needed."""
        others = ", ".join(f"{name}: {times[metric]:.3g} s" for name, times in self.tried.items())
        text = f"Lectern {self.lectern[metric]}, server {self.best(metric)[1]}"
        return f"{text}; tried {others}"


@dataclass
class Bench:
    """One run of the benchmarks."""

    model: Path
    program: Path  #: llama-server
    threads: int
    quick: bool = False
    data: Path | None = None
    notes: list[str] = field(default_factory=list)

    def size(self, full: int, quick: int) -> int:
        """A number that depends on how much time there is."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """How often a long measurement is repeated."""
        return self.size(3, 1)

    def corpus(self, seed: str) -> Corpus:
        """Texts that no other seed gives."""
        return Corpus(seed, self.data)

    def tell(self, text: str) -> None:
        """Progress, for a person."""
        print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    @contextmanager
    def lectern(
        self, model: Path | None = None, folder: Path | None = None, *, compose: bool = False
    ) -> Iterator[Lectern]:
        """Lectern's engine; its saved states go to `folder`, or to one that is thrown away."""
        with ExitStack() as stack:
            kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            loaded = Lectern(model or self.model, kept, compose=compose)
            yield stack.enter_context(closing(loaded))

    @contextmanager
    def server(self, setting: Setting, model: Path | None = None) -> Iterator[Server]:
        """llama-server in one setting."""
        started = llama_server(
            self.program,
            model or self.model,
            setting,
            slot_tokens=SLOT_TOKENS,
            threads=self.threads,
        )
        with closing(started) as server:
            yield server

    def compare(
        self, work: Work, settings: Sequence[Setting], metrics: Iterable[str]
    ) -> Comparison:
        """Try every setting once; then Lectern and the best of each metric by turns.

        `work` gets a peer and the number of the round, which is to give it fresh texts. In a quick
        run the tries are the servers' measurements.
        """
        tried: dict[Setting, Timings] = {}
        for setting in settings:
            with self.server(setting) as server:
                tried[setting] = self._timed(work, server, 0)
        finalists = {min(tried, key=lambda one: tried[one][name]) for name in metrics}
        lectern: list[Timings] = []
        others: dict[str, list[Timings]] = {one.name: [] for one in finalists}
        with ExitStack() as stack:
            ours = stack.enter_context(self.lectern())
            if self.quick:
                others = {one.name: [tried[one]] for one in finalists}
                lectern = [self._timed(work, ours, 0)]
            else:
                rivals = {one.name: stack.enter_context(self.server(one)) for one in finalists}
                everyone: list[Peer] = [ours, *rivals.values()]
                for number in range(1, self.rounds + 1):
                    lectern.append(self.alone(work, ours, number, everyone))
                    for name, rival in rivals.items():
                        others[name].append(self.alone(work, rival, number, everyone))
        return Comparison(
            _samples(lectern),
            {name: _samples(runs) for name, runs in others.items()},
            {setting.name: times for setting, times in tried.items()},
        )

    def alone(self, work: Work, peer: Peer, number: int, everyone: Sequence[Peer]) -> Timings:
        """Measure `peer` after seeing that the others are idle."""
        others = [one for one in everyone if one is not peer]
        before = [other.cpu_seconds() for other in others]
        time.sleep(IDLE_SECONDS)
        for other, used in zip(others, before, strict=True):
            share = (other.cpu_seconds() - used) / IDLE_SECONDS
            if share > IDLE_SHARE:
                self.notes.append(f"{other.name} used {share:.0%} of a core while idle")
        return self._timed(work, peer, number)

    def _timed(self, work: Work, peer: Peer, number: int) -> Timings:
        times = work(peer, number)
        shown = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in times.items())
        self.tell(f"{peer.name}: {shown}")
        return times


def _samples(runs: Sequence[Timings]) -> dict[str, Sample]:
    return {name: Sample(tuple(run[name] for run in runs)) for name in runs[0]}
