"""`lectern eval`: Lectern beside naive ways with the same model, in how good it is."""

from argparse import Namespace
from typing import NoReturn

from service.cli.handover import become

EVALUATION = "benchmarks.evaluation"


def run(arguments: Namespace) -> NoReturn:
    """Become the evaluation. Raises PieceMissing when its packages can't be installed."""
    said = [arguments.what, "--data", str(arguments.caller / arguments.data)]
    said += ["--length", str(arguments.length)]
    said += [] if arguments.limit is None else ["--limit", str(arguments.limit)]
    become(EVALUATION, [*said, *(["--json"] if arguments.json else [])])
