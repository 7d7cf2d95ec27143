"""Traces on the real engine, beside what the simulator says of them."""

import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.simulation import calibrate, replay
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.policies import Paused
from benchmarks.simulation.replay import Outcome, Served
from benchmarks.simulation.trace import Call, Trace, chat_amid_summaries, summaries
from ingest.settings import settings as ingest_settings
from workers.engine import library, weights
from workers.engine.engine import Engine
from workers.engine.model import Model
from workers.engine.profile import Profile, profile_for
from workers.engine.requests import Request, Sampling
from workers.settings import Settings, models_folder
from workers.states import Lane

SETTINGS = Settings(
    context=2_048, batch_slots=8, interactive_slots=2, prefix_cache_mb=0, prefix_disk_mb=0
)
TRACES: Mapping[str, Trace] = {
    "8 × (600 → 40), a chat at 5 s": chat_amid_summaries(),
    "8 × (1350 → 80)": summaries(),
}
ORDINARY = range(1_000, 20_000)  #: tokens that prompts are made of
RUNS, TRIES = 3, 5
QUIET = 0.95  #: share of its cores that a run must have had: others on the machine spoil it


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure as predicted and as measured, in seconds."""

    trace: str
    figure: str
    predicted: float
    measured: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median of the runs."""
        return sorted(self.measured)[len(self.measured) // 2]

    @property
    def error(self) -> float:
        """How much too long the prediction is; negative: too short."""
        return self.predicted / self.middle - 1


def costs() -> Costs:
    """Calibrate with the weights and knobs that Lectern runs with here."""
    path, profile = _chosen()
    model = Model(path, repack=profile.repack)
    with closing(model):
        return calibrate.calibrated(model, calibrate.shape_of(SETTINGS, profile), path.stem)


def compared(given: Costs) -> Iterator[Compared]:
    """Run and predict every trace."""
    for name, trace in TRACES.items():
        predicted = _figures(predict(trace, given))
        measured = [_figures(outcome) for outcome in _quiet_runs(trace)]
        for figure, value in predicted.items():
            yield Compared(name, figure, value, tuple(one[figure] for one in measured))


def _quiet_runs(trace: Trace) -> list[Outcome]:
    """The runs that had the machine for themselves; the quietest when there are too few."""
    runs: list[tuple[float, Outcome]] = []
    for seed in range(TRIES):
        runs.append(_run(trace, seed))
        if sum(share >= QUIET for share, _ in runs) == RUNS:
            break
    runs.sort(key=lambda run: -run[0])
    print("share of the cores:", ", ".join(f"{share:.0%}" for share, _ in runs), file=sys.stderr)
    return [outcome for _, outcome in runs[:RUNS]]


def predict(trace: Trace, given: Costs) -> Outcome:
    """What the simulator says of the engine with `SETTINGS`."""
    engine = replay.Engine(SETTINGS.batch_slots, SETTINGS.interactive_slots)
    return replay.replay(trace, Paused(), given, engine)


def _figures(outcome: Outcome) -> dict[str, float]:
    figures = outcome.figures()
    wanted = ("makespan", "first_token_p50", "gap_p50")
    return {name: figures[name] for name in wanted if figures[name]}


def _run(trace: Trace, seed: int) -> tuple[float, Outcome]:
    """What came of it, and the share of its cores that the engine got while it decoded."""
    with _engine() as engine:
        chance = random.Random(seed)
        began = time.monotonic() + 0.2
        askers = [_Asker(engine, call, chance, began) for call in trace]
        used = time.process_time()
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        busy = engine.load().busy_seconds * engine.profile.prefill_threads
        share = min(1.0, (time.process_time() - used) / busy)
    return share, Outcome(tuple(Served(asker.call, tuple(asker.told)) for asker in askers))


class _Asker(threading.Thread):
    """Asks at its time and notes when text comes."""

    def __init__(self, engine: Engine, call: Call, chance: random.Random, began: float) -> None:
        super().__init__()
        self.call, self.told = call, list[float]()
        self._engine, self._began = engine, began
        self._request = Request(
            prompt=tuple(chance.choices(ORDINARY, k=call.prompt)),
            max_tokens=call.output,
            sampling=Sampling(ignore_eos=True),
            lane=Lane.INTERACTIVE if call.interactive else Lane.BATCH,
        )

    def run(self) -> None:
        time.sleep(max(0.0, self._began + self.call.arrival - time.monotonic()))
        for _ in self._engine.generate(self._request):
            self.told.append(time.monotonic() - self._began)
        self.told.append(time.monotonic() - self._began)


@contextmanager
def _engine() -> Iterator[Engine]:
    path, profile = _chosen()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(path, SETTINGS, profile, Path(folder))
        with closing(engine):
            yield engine


def _chosen() -> tuple[Path, Profile]:
    library.check()
    library.quiet()
    # Drafts are left out: how often they are right is nothing that costs can tell.
    profile = replace(profile_for(SETTINGS, weights.source(SETTINGS.model)), step_cost=())
    models = models_folder(ingest_settings().data)
    return weights.chosen(SETTINGS.model, models, profile.weights), profile
