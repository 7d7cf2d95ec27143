"""`lectern models`: what the workers' side does with models, shown.

The doing is the workers' (`python -m workers.models`); this shows how it goes and what came of it.
"""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.progress import Progress

from service.cli import using
from service.cli.errors import ModelsFailed
from service.cli.model_tables import SHOWN
from service.cli.screen import Screen

PROGRAM = ["-m", "workers.models"]
#: What the command line knows beside the words of an action.
OURS = {"command", "action", "json", "caller"}


def run(arguments: Namespace) -> int:
    """Have it done. Returns 0; what goes wrong is raised as ModelsFailed."""
    action = arguments.action or "list"
    words = {
        name: _from(arguments.caller, value)
        for name, value in vars(arguments).items()
        if name not in OURS
    }
    if action == "use":
        words |= using.words()
    screen = Screen(arguments.json)
    with screen.progress() as progress:
        command = [sys.executable, *PROGRAM, action, json.dumps(words)]
        result = _last(_lines(command), progress)
        if action == "use":
            result |= using.followed(result, arguments, progress, screen)
    if screen.as_json:
        screen.result(result)
    else:
        SHOWN[action](screen, result)
    return 0


def _from(caller: Path, value: Any) -> Any:
    """A path, or each of several, as it is meant in the folder that the command was given in."""
    if isinstance(value, list):
        return [_from(caller, one) for one in value]
    return str(caller.absolute() / value.expanduser()) if isinstance(value, Path) else value


def _last(lines: Iterator[dict[str, Any]], progress: Progress) -> dict[str, Any]:
    """The result, while the lines before it move the bar."""
    task = progress.add_task("", total=None, remark="")
    for line in lines:
        if "error" in line:
            raise ModelsFailed(line["error"]["code"], line["error"]["message"])
        if "result" in line:
            return dict(line["result"])
        progress.update(
            task, description=line["doing"], total=line["total"], completed=line["done"]
        )
    raise ModelsFailed("models_failed", "The command ended without a result.")


def _lines(command: list[str]) -> Iterator[dict[str, Any]]:
    """What the program says, line by line; it ends with us."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            for line in program.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
        finally:
            program.terminate()
