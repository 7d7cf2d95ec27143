"""How the end of a step is written down: under its fence, and by several tries.

A database that is locked or away for a minute must not cost what has been computed.
"""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from workers import lifecycle, steps
from workers.jobs import Job, Step

#: Seconds between the tries; each may wait for a lock besides.
DELAYS = (1.0, 5.0, 15.0, 30.0)

Write = Callable[[Session], Job | None]

log = structlog.get_logger()


def settle(step: Step, write: Write, wait: Callable[[float], bool]) -> None:
    """Commit what `write` does to a held step and its job, then tell the world.

    `wait` sleeps for so many seconds; it is true when there is no time for another try.
    Raises LeaseLost, and in the end what the database says.
    """
    lifecycle.tell(_written(step, write, wait))


def _written(step: Step, write: Write, wait: Callable[[float], bool]) -> Job | None:
    for delay in DELAYS:
        try:
            return _once(step, write)
        except (OperationalError, InterfaceError) as error:
            log.warning("end_not_written", step=step.id, job=step.job_id, error=str(error.orig))
            if wait(delay):
                break
    return _once(step, write)


def _once(step: Step, write: Write) -> Job | None:
    with steps.fenced(step) as session:
        return write(session)
