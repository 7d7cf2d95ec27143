"""One compute budget per host: heavy numeric work takes turns on the cores that it shares.

The engine's and the embedder's OpenMP pools each want every core. Two of them spinning on the
same cores slow each other down a hundredfold, so each asks for the turn before it computes:
one decode step, one batch of embeddings. Within a process a plain lock would not do, because the
engine's loop takes it again before a waiter wakes up. Between processes that may use the same
cores two file locks hand the turn over: who comes back must pass the gate behind who waits there.
"""

import fcntl
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.openmp import send_threads_away

PATIENCE_SECONDS = 15.0
IMPATIENCE_SECONDS = 0.02
POLL_SECONDS = 0.002


class Turns:
    """A lock that is handed over in the order it was asked for; what is urgent goes first."""

    def __init__(self, cores: "SharedCores | None" = None) -> None:
        """`cores` are shared with other processes; None: nobody else computes on them."""
        self._cores = cores
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False
        self._give_way: Callable[[], None] | None = None

    @contextmanager
    def turn(
        self, *, urgent: bool = False, give_way: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Hold the turn for the block.

        `give_way` is called, in another thread, when urgent work begins to wait for the block's
        end: it may cut the work short.
        """
        self._acquire(urgent, give_way)
        try:
            if self._cores is None:
                yield
            else:
                with self._cores.held():
                    yield
        finally:
            if self._waiting:  # ours would slow down whoever comes next
                send_threads_away()
            self._release()

    def _acquire(self, urgent: bool, give_way: Callable[[], None] | None) -> None:
        with self._guard:
            if not self._taken:
                self._taken, self._give_way = True, give_way
                return
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.insert(0 if urgent else len(self._waiting), ticket)
            if urgent and self._give_way is not None:
                self._give_way()
        ticket.acquire()  # returns when the holder before us hands over
        with self._guard:
            self._give_way = give_way

    def _release(self) -> None:
        with self._guard:
            self._give_way = None
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class SharedCores:
    """The turn between processes of one user that may run on the same cores."""

    def __init__(self, folder: Path) -> None:
        """Two locks in `folder`, named for the cores this process may use now."""
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        name = f"lectern-{os.getuid()}-cores-{allowed[0]}-{allowed[-1]}-{len(allowed)}"
        self._gate, self._lock = (FileLock(folder / f"{name}.{part}") for part in ("gate", "lock"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Compute alone. Costs microseconds when nobody else does."""
        self._gate.acquire()
        try:
            self._lock.acquire()
        finally:
            self._gate.release()
        try:
            yield
        finally:
            self._lock.release()


class FileLock:
    """A lock between processes that nobody waits for in vain more than once.

    Who holds it for too long is frozen. From then on its turn is taken without it, after hardly
    a wait, until it is seen to let go.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._holder_is_frozen = False

    def acquire(self) -> None:
        """Return when this process holds the lock, or need not wait for it any longer."""
        patience = IMPATIENCE_SECONDS if self._holder_is_frozen else PATIENCE_SECONDS
        deadline = time.monotonic() + patience
        while not self._got():
            if time.monotonic() > deadline:
                self._holder_is_frozen = True
                return
            time.sleep(POLL_SECONDS)
        self._holder_is_frozen = False

    def release(self) -> None:
        """Let the next one have it. Harmless where it was never got."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _got(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


#: The turns of this process.
compute = Turns(SharedCores(Path(tempfile.gettempdir())))
