"""Running a function in a process of its own, and waiting for it.

For peers that compute inside Python (an idle OpenMP pool of theirs would stay in our process), and
to see what survives a restart.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")


def apart(function: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """What `function` returns in a fresh process; its exceptions are raised here."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(function, *given, **named).result()
