"""OpenMP's environment: what a worker sets before its libraries are loaded, for Lectern alone.

Peers run without it, as their users would start them. Imports no heavy library.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workers.preparation import openmp
from workers.settings import settings

TUNE = ["-m", "workers.tune", "--quick", "--missing"]
_added: dict[str, str] = {}


def prepare() -> None:
    """Measure the machine if that was never done, as a worker does, and set what it found."""
    if settings().tune == "auto":
        # Before `openmp` would do it: standard output belongs to the results.
        subprocess.run([sys.executable, *TUNE], stdout=sys.stderr, check=False)
    _added.update({name: value for name, value in openmp().items() if name not in os.environ})
    os.environ.update(_added)


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
