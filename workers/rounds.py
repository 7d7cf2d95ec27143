"""What a worker does now and then beside its steps: each duty in a thread of its own.

A duty may take long or fail; neither the steps nor the pulse wait for it. Every worker does all of
them: who is first takes what is due, so that no process has to be there alone.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

#: A duty that fails by a bug is not tried again at once: its log would bury all else.
REST_SECONDS = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to be looked after."""

    name: str
    every: float  #: seconds between two looks
    do: Callable[[], bool]  #: one piece of work; returns whether there may be more


class Rounds:
    """The threads of a process's duties."""

    def __init__(self, duties: Iterable[Duty]) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(duty,), name=duty.name, daemon=True)
            for duty in duties
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._ended.set()

    def leave(self, seconds: float) -> None:
        """Stop, and wait for what is being done; what takes longer is left to the end."""
        self.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    def _live(self, duty: Duty) -> None:
        while not self._ended.wait(duty.every):
            try:
                while not self._ended.is_set() and duty.do():
                    pass
            except DBAPIError as error:
                log.warning("round_missed", duty=duty.name, error=str(error.orig))
            except Exception:  # the border: a bug must not end the duty for good
                log.exception("round_failed", duty=duty.name)
                self._ended.wait(REST_SECONDS)
