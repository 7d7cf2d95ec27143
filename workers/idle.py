"""A worker's idle time, and the chores that use it: what nobody waits for, done when nobody waits.

A chore does one piece of work and says whether there may be more; it has to end soon after the
time is over. Chores are looked at in their order.
"""

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

from workers.engine.engine import Engine

#: So long nothing must have happened: who reads one answer is about to ask the next question.
QUIET_SECONDS = 5.0
LOOK_SECONDS = 1.0

Chore = Callable[[Engine], bool]

log = structlog.get_logger()


class IdleTime:
    """One thread that puts an engine's idle time to use."""

    def __init__(self, engine: Engine | None, occupied: Callable[[], bool]) -> None:
        """`occupied`: whether the process works on a step, or is about to end."""
        self._engine, self._occupied = engine, occupied
        self._chores: tuple[Chore, ...] = ()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="idle", daemon=True)

    def start(self, *chores: Chore) -> None:
        """Begin to look for idle time, if there is an engine and something to do."""
        self._chores = chores
        if self._engine is not None and chores:
            self._thread.start()

    def stop(self, seconds: float) -> None:
        """End; a chore that is being done ends soon."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def over(self) -> bool:
        """Whether the time is over, because there is work or the process ends."""
        return self._ended.is_set() or self._occupied()

    def _live(self) -> None:
        engine, quiet_since = self._engine, time.monotonic()
        while engine is not None and engine.alive and not self._ended.wait(LOOK_SECONDS):
            if self.over() or not engine.idle:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= QUIET_SECONDS:
                self._use(engine)

    def _use(self, engine: Engine) -> None:
        try:
            for chore in self._chores:
                while not self.over() and chore(engine):
                    pass
        except DBAPIError as error:
            log.warning("chore_put_off", error=str(error.orig))
