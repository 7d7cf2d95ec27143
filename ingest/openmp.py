"""The threads that OpenMP keeps for each thread that computes, and sending them away.

GNU's OpenMP counts the threads of the whole process. As soon as there are more than cores, those
that wait for each other hardly spin before they sleep, and all that computes in small pieces slows
down: a token took 33 ms in place of 17, only because the embedder's threads were still there
(measured; see docs/decisions/0042-threads-sent-away.md). So who has computed and does not go on at
once sends its threads away; new ones cost a tenth of a millisecond.
"""

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

LIBRARY = "libgomp.so.1"  #: PyTorch's and llama.cpp's are one where both name it so
SOFT = 1  #: omp_pause_soft: settings stay

Given = ParamSpec("Given")
Made = TypeVar("Made")


class ComputingThread:
    """Does all the computing of a library: OpenMP and malloc keep memory for each that ever did."""

    def __init__(self, name: str) -> None:
        """It starts with the first piece of work."""
        self._thread = ThreadPoolExecutor(1, name)

    def run(self, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
        """What `work` returns or raises, when what was asked for before is done."""

        def done() -> Made:
            try:
                return work(*given, **named)
            finally:
                send_threads_away()

        return self._thread.submit(done).result()


def send_threads_away() -> None:
    """End the threads that OpenMP keeps for the calling one; harmless where it keeps none."""
    if (pause := _pause()) is not None:
        pause(SOFT)


@cache
def _pause() -> Any:
    """OpenMP 5.0's omp_pause_resource_all; None where this OpenMP is another one."""
    try:
        return ctypes.CDLL(LIBRARY).omp_pause_resource_all
    except (OSError, AttributeError):
        return None
