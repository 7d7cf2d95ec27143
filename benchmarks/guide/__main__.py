"""`python -m benchmarks.guide`: Transformers and Lectern by turns; rows on standard output."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment, machine, models, report
from benchmarks.errors import PeerMissing
from benchmarks.figures import Row
from benchmarks.guide import checkpoints
from benchmarks.guide.chart import draw
from benchmarks.guide.contest import Entrant, Run, Sizes, entrants, turns
from benchmarks.guide.rows import agreement, disturbance, measured, rows

#: Of the made model. The first stands for Lectern in the rows, the others are shown beside it.
FORMATS = ("Q4_K_M", "Q4_0", "Q8_0")
FULL = {
    "default": Sizes(rounds=3, short=64, long=512, each=2, tokens=32),
    "1b": Sizes(rounds=3, short=64, long=192, each=1, tokens=8),
}
QUICK = {
    "default": Sizes(rounds=1, short=64, long=256, each=1, tokens=16),
    "1b": Sizes(rounds=1, short=32, long=128, each=1, tokens=8),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One model's rows, and the figures they come from."""

    rows: list[Row]
    figures: dict[str, dict[str, float]]
    notes: list[str]


def main() -> int:
    """Measure, print, keep. 1 when a model could not be measured."""
    results = environment.results()
    asked = _parsed()
    environment.prepare()
    began = time.monotonic()
    found = {name: _measured(name, asked.quick) for name in asked.model}
    lines = [row for one in found.values() for row in one.rows]
    outcome = report.Outcome(
        lines,
        machine.described(),
        {"quick": asked.quick, "figures": {name: one.figures for name, one in found.items()}},
        [note for one in found.values() for note in one.notes],
        time.monotonic() - began,
    )
    if asked.json:
        print(report.as_json(lines), file=results, flush=True)
    else:
        report.show(outcome, results)
    place = report.keep(outcome)
    draw({name: one.figures for name, one in found.items() if one.figures}, _chart(place))
    _say(f"{outcome.seconds:.0f} s; kept in {place.name} in benchmarks/results")
    return int(any(row.ratio is None for row in lines))


def _parsed() -> Namespace:
    asked = ArgumentParser(prog="python -m benchmarks.guide", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="one round of less")
    asked.add_argument("--json", action="store_true", help="print a JSON list for programs")
    asked.add_argument("--model", nargs="+", choices=tuple(FULL), default=list(FULL))
    return asked.parse_args()


def _measured(name: str, quick: bool) -> Result:
    sizes = (QUICK if quick else FULL)[name]
    try:
        field = _field(name)
    except PeerMissing as reason:
        row = Row(name, None, 0.0, "higher", "Transformers", f"not measured: {reason}")
        return Result([row], {}, [])
    runs = list(_told(turns(field, sizes, machine.cores())))
    figures = measured(runs)
    ours = next(one.name for one in field if one.contestant == "lectern")
    notes = [f"{name}: {words}" for words in (*agreement(runs), *disturbance(runs))]
    return Result(list(rows(name, figures, ours, str(sizes))), figures, notes)


def _field(name: str) -> list[Entrant]:
    if name == "default":
        checkpoint = checkpoints.default()
        return entrants(checkpoint, list(checkpoint.gguf), models.shipped())
    checkpoint = checkpoints.billion(FORMATS)
    for path in checkpoint.gguf.values():
        environment.tuned(path)
    return entrants(checkpoint, list(checkpoint.gguf), None)


def _told(runs: Iterator[Run]) -> Iterator[Run]:
    for run in runs:
        what = "from disk" if run.cold else f"{len(run.told['replies'])} answers"
        _say(f"{run.entrant}, {what}: first token after {run.start:.2f} s")
        yield run


def _chart(place: Path) -> Path:
    return place.with_name(f"{place.stem}-guide.png")


def _say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
