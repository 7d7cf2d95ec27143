"""`lectern bench`: Lectern beside its peers, in speed."""

from argparse import Namespace
from typing import NoReturn

from service.cli.handover import become

BENCHMARKS = "benchmarks"


def run(arguments: Namespace) -> NoReturn:
    """Become the benchmarks. Raises PieceMissing when their packages can't be installed."""
    become(BENCHMARKS, words(arguments))


def words(arguments: Namespace) -> list[str]:
    """The command line for the benchmarks."""
    said = [f"--{flag}" for flag in ("quick", "json") if getattr(arguments, flag)]
    if arguments.only:
        said += ["--only", *arguments.only]
    if arguments.data:
        said += ["--data", str(arguments.caller / arguments.data)]
    return said
