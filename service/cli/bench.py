"""`lectern bench`: hands over to the benchmarks, which load what the service must not.

What they compare with is installed first, so that one command is enough.
"""

import os
import subprocess
import sys
from argparse import Namespace
from typing import NoReturn

from service.cli.errors import PieceMissing

INSTALL = ["-m", "service.cli.install", "--bench"]
BENCHMARKS = ["-m", "benchmarks"]


def run(arguments: Namespace) -> NoReturn:
    """Become the benchmarks. Raises PieceMissing when their packages can't be installed."""
    # Standard output belongs to the results.
    installed = subprocess.run([sys.executable, *INSTALL], stdout=sys.stderr, check=False)
    if installed.returncode:
        raise PieceMissing(
            what="what the benchmarks compare with is not installed",
            way_out="run make bench with a network",
        )
    os.execv(sys.executable, [sys.executable, *BENCHMARKS, *words(arguments)])


def words(arguments: Namespace) -> list[str]:
    """The command line for the benchmarks."""
    said = [f"--{flag}" for flag in ("quick", "json") if getattr(arguments, flag)]
    if arguments.only:
        said += ["--only", *arguments.only]
    if arguments.data:
        said += ["--data", str(arguments.caller / arguments.data)]
    return said
