"""Handing over to the benchmarks, which load what the service must not.

What they compare with is installed first, so that one command is enough.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from service.cli.errors import PieceMissing

INSTALL = ["-m", "service.cli.install", "--bench"]


def become(module: str, words: Sequence[str]) -> NoReturn:
    """Run `module` in place of this process. Raises PieceMissing when packages are missing."""
    # Standard output belongs to the results.
    installed = subprocess.run([sys.executable, *INSTALL], stdout=sys.stderr, check=False)
    if installed.returncode:
        raise PieceMissing(
            what="what the benchmarks compare with is not installed",
            way_out="run make bench with a network",
        )
    os.execv(sys.executable, [sys.executable, "-m", module, *words])
