"""Runs the workloads that were asked for, shows their rows and keeps them."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import TextIO

from benchmarks import build, machine, models, report
from benchmarks.bench import Bench
from benchmarks.errors import PeerMissing
from benchmarks.figures import Row
from benchmarks.workloads import WORKLOADS, Workload
from workers.engine import library
from workers.settings import Settings


def run(arguments: Namespace, results: TextIO) -> int:
    """Run what was asked for and write rows to `results`. 1 when one could not be measured."""
    library.quiet()  # weights may be made before an engine is
    began = time.monotonic()
    bench = _prepared(arguments)
    rows = [row for workload in chosen(arguments) for row in _run(workload, bench)]
    outcome = report.Outcome(
        rows,
        machine.described(),
        {"quick": bench.quick, "model": bench.model.name, **Settings().model_dump(mode="json")},
        bench.notes,
        time.monotonic() - began,
    )
    if arguments.json:
        print(report.as_json(rows), file=results, flush=True)
    else:
        report.show(outcome, results)
    place = report.keep(outcome)
    print(f"  {outcome.seconds:.0f} s; kept in {place.name} in benchmarks/results", file=sys.stderr)
    return int(any(row.ratio is None for row in rows))


def chosen(arguments: Namespace) -> list[Workload]:
    """The workloads that were named, or all that fit the kind of run."""
    if arguments.only:
        return [workload for workload in WORKLOADS if workload.name in arguments.only]
    return [workload for workload in WORKLOADS if not (arguments.quick and workload.only_full)]


def _prepared(arguments: Namespace) -> Bench:
    return Bench(
        model=models.lectern(),
        program=build.llama_server(),
        threads=machine.cores(),
        quick=arguments.quick,
        data=arguments.data,
    )


def _run(workload: Workload, bench: Bench) -> Iterator[Row]:
    """Its rows; one that fails does not take the others down."""
    bench.tell(f"— {workload.name}")
    began = time.monotonic()
    try:
        for row in workload.run(bench):
            bench.tell(f"{row.name}: {row.ratio if row.ratio is None else f'{row.ratio:.3g}'}")
            yield row
    except PeerMissing as reason:
        bench.tell(f"{workload.name}: {reason}")
        yield Row(workload.name, None, 0.0, "higher", "", f"not measured: {reason}")
    bench.tell(f"— {workload.name} took {time.monotonic() - began:.0f} s")
