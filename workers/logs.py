"""The log of a worker: one line an event, and tracebacks without the values of variables.

Values are documents and questions here; a log is read by people who may see neither.
"""

import logging
import warnings
from contextlib import suppress

import structlog


class Lines:
    """Lines on standard output. A full disk loses them and stops nothing."""

    def msg(self, line: str) -> None:
        """Write one."""
        with suppress(OSError):
            print(line, flush=True)

    debug = info = warning = error = critical = msg


def configure() -> None:
    """Set up structlog, and what libraries say through `logging`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: Lines(),
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # Celery warns of root; in a container that is the usual case and the image drops it.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
