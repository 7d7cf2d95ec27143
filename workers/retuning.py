"""Measures the machine anew, in idle time, once an engine has been slower than its profile says.

The new profile counts from the worker's next start: knobs such as the wait policy can't be changed
in a running process.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from workers import preparation
from workers.engine import profile as profiles
from workers.engine.drift import Drift
from workers.engine.engine import Engine

LOOK_SECONDS = 0.1

log = structlog.get_logger()


class Retuner:
    """A chore: watches the engine, and has the machine measured when that is due."""

    def __init__(self, source: Path, over: Callable[[], bool]) -> None:
        """`source`: the model's file as shipped; `over`: whether the idle time is over."""
        self._source, self._over = source, over
        self._drift: Drift | None = None
        self._tokens, self._seconds = 0, 0.0
        self._due = False

    def retune(self, engine: Engine) -> bool:
        """Measure, if that is due. Never more than once in a row."""
        self._watch(engine)
        if not self._due:
            return False
        process = preparation.retuning()
        while process.poll() is None:
            if self._over() or not engine.idle:
                _end(process)
                return False
            time.sleep(LOOK_SECONDS)
        self._due, self._drift = False, None
        log.info("retuned", code=process.returncode, counts="from the next start")
        return False

    def _watch(self, engine: Engine) -> None:
        load = engine.load()
        if self._drift is None:
            known = profiles.measured(self._source) or engine.profile
            self._drift = Drift(known, profiles.place(self._source))
        tokens = load.comparable_tokens - self._tokens
        seconds = load.comparable_seconds - self._seconds
        self._tokens, self._seconds = load.comparable_tokens, load.comparable_seconds
        self._due = self._drift.tell(tokens, seconds) or self._due


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
