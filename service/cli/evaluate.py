"""`lectern eval`: Lectern beside naive ways with the same model, in how good they are."""

from argparse import Namespace
from typing import NoReturn

from service.cli.handover import become

EVALUATION = "benchmarks.evaluation"


def run(arguments: Namespace) -> NoReturn:
    """Become the evaluation. Raises PieceMissing when its packages can't be installed."""
    said = [arguments.what, "--data", str(arguments.caller / arguments.data)]
    said += ["--limit", str(arguments.limit), "--length", str(arguments.length)]
    become(EVALUATION, [*said, *(["--json"] if arguments.json else [])])
