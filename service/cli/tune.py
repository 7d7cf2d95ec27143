"""`lectern tune`: measures this machine and keeps what is fastest here.

The measuring is the workers' (`python -m workers.tune`); this shows how it goes.
"""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from rich.progress import Progress

from service.cli.errors import TuneFailed
from service.cli.screen import Screen, cells

PROGRAM = ["-m", "workers.tune", "--json"]


def run(arguments: Namespace) -> int:
    """Measure. Returns 0; what goes wrong is raised as TuneFailed."""
    screen = Screen(arguments.json)
    quick = ["--quick"] if arguments.quick else []
    with screen.progress() as progress:
        told = _last(_lines([sys.executable, *PROGRAM, *quick]), progress)
    if screen.as_json:
        screen.result(told)
        return 0
    table = screen.table("knob", "choice", "why")
    for choice in told["profile"]["choices"]:
        name = choice["knob"].replace("_", " ")
        table.add_row(*cells(name, choice["value"], choice["reason"]))
    screen.show(table)
    rates = told["profile"]
    screen.line(
        f"prefill {rates['prefill_rate']:.0f} tokens/s, one answer {rates['decode_rate']:.0f} "
        "tokens/s; a worker that runs takes it over when it starts again"
    )
    return 0


def _last(lines: Iterator[dict[str, Any]], progress: Progress) -> dict[str, Any]:
    """The result, while the lines before it move the bar."""
    task = progress.add_task("measuring", total=None, remark="")
    for line in lines:
        if "error" in line:
            raise TuneFailed(line["error"]["code"], line["error"]["message"])
        if "profile" in line:
            return line
        total, seconds = line["budget"], min(line["seconds"], line["budget"])
        remark = f"{line['measuring'].replace('_', ' ')} {line['value']}"
        progress.update(task, total=total, completed=seconds, remark=remark)
    raise TuneFailed("tuning_failed", "The measuring ended without a result.")


def _lines(command: list[str]) -> Iterator[dict[str, Any]]:
    """What the program says, line by line; it ends with us."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            for line in program.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
        finally:
            program.terminate()
