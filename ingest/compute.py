"""One compute budget per process: heavy numeric work takes turns, first come, first served.

The engine's and the embedder's OpenMP pools each want every core. Two of them spinning on the
same cores slow each other down a hundredfold, so each asks for the turn before it computes:
one decode step, one batch of embeddings. A plain lock would not do, because the engine's loop
takes it again before a waiter wakes up.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is handed over in the order it was asked for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn for the block."""
        self._acquire()
        try:
            yield
        finally:
            self._release()

    def _acquire(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        ticket.acquire()  # returns when the holder before us hands over

    def _release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


#: The turns of this process.
compute = Turns()
