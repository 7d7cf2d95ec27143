"""Predict first tokens and throughput by policy, here or on hardware that we don't have.

python -m benchmarks.simulate --check                     measure, predict, run, compare
python -m benchmarks.simulate --calibrate costs.json      measure this machine
python -m benchmarks.simulate --costs costs.json          policies, on a measured machine
python -m benchmarks.simulate --hardware 2x64 --model 8B  policies, on a derived one
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.simulation import costs as costing
from benchmarks.simulation import trace as tracing
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.hardware import MACHINES, MODELS, derived
from benchmarks.simulation.policies import FirstCome, Paused, Pieces, Turns
from benchmarks.simulation.replay import Engine, Outcome, replay
from benchmarks.simulation.trace import Trace

CLOSE = 0.20  #: a prediction this near is good


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when a prediction was checked and is not near."""
    asked = _parser().parse_args(arguments)
    if asked.check or asked.calibrate:
        return _measure(asked)
    costs = costing.read(asked.costs) if asked.costs else _derived(asked.hardware, asked.model)
    trace = tracing.read(asked.trace) if asked.trace else tracing.office()
    rows = list(compare(trace, costs, asked.slots))
    if asked.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{costs.name}: {len(trace)} calls, {asked.slots} slots + 2 for people")
    _table(rows)
    return 0


def compare(trace: Trace, costs: Costs, slots: int = 8) -> list[dict[str, Any]]:
    """The figures of each policy, in seconds and tokens per second."""
    rows = []
    for policies, engine in _variants(slots):
        hands = tracing.dealt(trace, costs.engines)
        outcomes = [
            replay(hand, policy, costs, engine)
            for hand, policy in zip(hands, policies(costs.engines), strict=True)
        ]
        both = Outcome(tuple(one for outcome in outcomes for one in outcome.served))
        name = policies(1)[0].name + ("" if engine.keeps_prefixes else ", no prefixes kept")
        rows.append({"policy": name, **both.figures()})
    return rows


def _variants(slots: int) -> list[tuple[Any, Engine]]:
    """Each policy, made anew for every engine, and the slots it works on."""
    ours = Engine(slots, reserved=2)
    theirs = Engine(slots + 2, reserved=0, keeps_prefixes=False)

    def several(make: Any) -> Any:
        return lambda count: [make() for _ in range(count)]

    makers: list[tuple[Any, Engine]] = [
        (FirstCome, theirs),
        (lambda: FirstCome(512, "first come, mixed, 512 a step"), theirs),
        (lambda: FirstCome(2_048), Engine(slots + 2, reserved=0)),
        (Turns, ours),
        (Pieces, ours),
        (lambda: Paused(floor=float("inf"), name="background paused, no floor"), ours),
        (Paused, ours),
        (lambda: Paused(floor_share=0.1, name="background paused, floor ≤ 10 %"), ours),
        (lambda: Paused(batch=2_048, name="background paused, 2048 a step"), ours),
        (lambda: Paused(interrupts=False, name="background paused, not interrupted"), ours),
        (lambda: Paused(rides=True, name="background's answers ride along"), ours),
        (Paused, Engine(slots, reserved=2, keeps_prefixes=False)),
    ]
    return [(several(make), engine) for make, engine in makers]


def _derived(hardware: str, model: str) -> Costs:
    return derived(MACHINES[hardware], MODELS[model], f"{model} on {hardware}")


def _measure(asked: argparse.Namespace) -> int:
    from benchmarks.simulation import check  # noqa: PLC0415 - loads the engine

    costs = costing.read(asked.costs) if asked.costs else check.costs()
    if asked.calibrate:
        costs.write(asked.calibrate)
        return 0
    good = True
    for one in check.compared(costs):
        runs = ", ".join(f"{value:.3g}" for value in one.measured)
        near = abs(one.error) <= CLOSE
        good = good and (near or one.figure != "makespan")
        print(
            f"{one.trace:32} {one.figure:16} predicted {one.predicted:8.3f} s  "
            f"measured {one.middle:8.3f} s ({runs})  {one.error:+.0%}{'' if near else '  far'}"
        )
    return 0 if good else 1


def _table(rows: list[dict[str, Any]]) -> None:
    names = [name for name in rows[0] if name != "policy"]
    print(f"{'':44}" + "".join(f"{name.replace('_', ' '):>18}" for name in names))
    for row in rows:
        print(f"{row['policy']:44}" + "".join(f"{row[name]:18.3f}" for name in names))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.simulate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="beside the real engine")
    parser.add_argument("--calibrate", type=Path, metavar="FILE", help="measure, write and end")
    parser.add_argument("--costs", type=Path, metavar="FILE", help="use what was measured")
    parser.add_argument("--hardware", choices=MACHINES, default="2x64")
    parser.add_argument("--model", choices=MODELS, default="8B")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="JSON; default: a reading room")
    parser.add_argument("--slots", type=int, default=8, help="for the background of one engine")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
