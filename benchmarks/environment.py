"""The process's surroundings: standard output, and OpenMP's environment. Imports nothing heavy.

What a worker sets for OpenMP before its libraries are loaded is for Lectern alone; peers run
without it, as their users would start them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from workers.preparation import openmp
from workers.settings import settings

TUNE = ["-m", "workers.tune", "--quick", "--missing"]
_added: dict[str, str] = {}


def results() -> TextIO:
    """Standard output for results alone; whatever else prints there goes to standard error.

    Libraries log to it, and so do processes of ours; by the descriptor all are caught.
    """
    ours = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


def prepare() -> None:
    """Measure the machine if that was never done, as a worker does, and set what it found."""
    if settings().tune == "auto":
        # Here and not by `openmp`, which would be silent about it.
        subprocess.run([sys.executable, *TUNE], check=False)
    _added.update({name: value for name, value in openmp().items() if name not in os.environ})
    os.environ.update(_added)


def tuned(model: Path) -> None:
    """Measure the machine with this model if that was never done, as a worker would for it."""
    given = {**plain(), "LECTERN_MODEL": str(model)}
    subprocess.run([sys.executable, *TUNE], env=given, stdout=sys.stderr, check=False)


def plain() -> dict[str, str]:
    """The environment as it was before `prepare`."""
    return {name: value for name, value in os.environ.items() if name not in _added}


@contextmanager
def taken_back() -> Iterator[None]:
    """Processes begun meanwhile get the plain environment."""
    for name in _added:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(_added)
