"""Keeps a few processes running: starts them in order, restarts those that die or are of no use
any more, stops them all.

Knows nothing of what the parts are. Children get a session of their own (Ctrl-C reaches them
through us, in order) and a leash (they end when we are killed). Start them from the main thread:
the kernel ties the leash to the thread that forked.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from threading import Event
from typing import Protocol

from service.cli import leash
from service.cli.errors import PartFailed
from service.cli.logs import from_here, last_words, open_log, turn_over

BACKOFF_S = (0.5, 1, 2, 4, 8, 15, 30)
#: A part that ran this long was healthy: its next restart is quick again.
HEALTHY_AFTER_S = 60.0
POLL_S = 0.1
#: A part that works is asked so often whether it is sound, and killed if it is not for so long.
EXAMINED_EVERY_S = 10.0
UNSOUND_FOR_S = 40.0


@dataclass(frozen=True)
class Part:
    """A process and how to tell that it works. The questions must return in a second or two."""

    name: str
    command: Sequence[str]
    ready: Callable[[int], bool]  #: asked with the number of its process
    environment: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 60.0  #: how long a start may take
    grace_s: float = 10.0  #: between SIGTERM and SIGKILL
    sound: Callable[[], bool] = lambda: True  #: false if only a new start can help it


class Duty(Enum):
    """What is expected of a process."""

    STAY = auto()  #: started again when it ends
    PROVE = auto()  #: on trial: whoever put it there decides
    LEAVE = auto()  #: may end


class Report(Protocol):
    """Who is told what happens."""

    def starting(self, part: str) -> None:
        """A part is being started."""

    def started(self, part: str, seconds: float) -> None:
        """It works."""

    def died(self, part: str, how: str, retry_s: float) -> None:
        """It ended by itself and will be started again."""

    def stopping(self, part: str) -> None:
        """It is being stopped."""


class Keeper:
    """One part's process."""

    def __init__(
        self, part: Part, logs: Path, inherited: Sequence[int], duty: Duty = Duty.STAY
    ) -> None:
        self.part, self.duty = part, duty
        self.log = logs / f"{part.name}.log"
        self._inherited = inherited
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self.began = 0.0
        self.retry_at: float | None = None
        self.announced = False  #: whether this run has been reported as working
        self._examined = self._sound = 0.0

    def spawn(self) -> None:
        """Start the process on its leash, its output in its log."""
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", leash.__file__, str(os.getpid()), *self.part.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.part.environment},
                pass_fds=self._inherited,
                start_new_session=True,
            )
        self.began = self._examined = self._sound = time.monotonic()
        self.retry_at = None
        self.announced = False

    @property
    def has_process(self) -> bool:
        """Whether there is a process whose end has not been seen yet."""
        return self._process is not None

    def ended(self) -> str | None:
        """How the process just ended, or `None`. Nothing of its session is left behind."""
        if self._process is None:
            return None
        # Looked at before it is reaped: until then its group's number can't be given away.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self._process.pid, options) is None:
            return None
        self.signal(signal.SIGKILL)
        status = self._process.wait()
        self._process = None
        return f"signal {-status}" if status < 0 else f"status {status}"

    @property
    def ready(self) -> bool:
        """Whether the process works."""
        return self._process is not None and self.part.ready(self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and what it started."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            # Before its session exists, or when only the dead are left in it.
            return

    def signal_alone(self, number: int) -> None:
        """Signal the process and nothing that it started."""
        if self._process is not None:
            self._process.send_signal(number)

    def be(self, name: str) -> None:
        """Go by another name from now on, in the logs too: what has it there makes room."""
        log = self.log.with_name(f"{name}.log")
        turn_over(log)
        self.log.replace(log)
        self.part, self.log = replace(self.part, name=name), log

    def examine(self) -> None:
        """Kill it once it has been unsound for long; asks now and then."""
        moment = time.monotonic()
        if moment - self._examined < EXAMINED_EVERY_S:
            return
        self._examined = moment
        if self.part.sound():
            self._sound = moment
        elif moment - self._sound >= UNSOUND_FOR_S:
            self.signal(signal.SIGKILL)  # it may be frozen: nothing gentler would reach it

    def plan_restart(self) -> float:
        """Set the time of the next start; returns the pause in seconds."""
        if time.monotonic() - self.began > HEALTHY_AFTER_S:
            self._failures = 0
        pause = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self.retry_at = time.monotonic() + pause
        return pause


class Supervisor:
    """The parts that were started, in order."""

    def __init__(self, logs: Path, report: Report, inherited: Sequence[int] = ()) -> None:
        self._logs = logs
        self._report = report
        self._inherited = inherited
        self._keepers: list[Keeper] = []
        self.stopping = Event()  #: set it to make every wait end
        self.hurry = Event()  #: set it to kill instead of waiting

    def launch(self, part: Part, duty: Duty = Duty.STAY) -> Keeper:
        """Start a part without waiting for it."""
        keeper = Keeper(part, self._logs, self._inherited, duty)
        self._keepers.append(keeper)
        keeper.spawn()
        return keeper

    def forget(self, keeper: Keeper) -> None:
        """Look after it no longer; its process has ended."""
        self._keepers.remove(keeper)

    def start(self, part: Part) -> None:
        """Start a part and wait until it works."""
        self.launch(part)
        self.await_ready(part.name)

    def await_ready(self, name: str) -> None:
        """Wait for a launched part. Raises `PartFailed`; returns early when asked to stop."""
        keeper = next(one for one in self._keepers if one.part.name == name)
        self._report.starting(name)
        while not self.stopping.is_set():
            if how := keeper.ended():
                raise self._failure(keeper, f"it ended with {how}")
            if keeper.ready:
                keeper.announced = True
                self._report.started(name, time.monotonic() - keeper.began)
                return
            if time.monotonic() - keeper.began > keeper.part.patience_s:
                raise self._failure(keeper, f"no answer after {keeper.part.patience_s:.0f} s")
            self.stopping.wait(POLL_S)

    def watch(self, besides: Callable[[], None] = lambda: None) -> None:
        """Restart what dies or is unsound, until asked to stop; `besides` is called in between."""
        while not self.stopping.wait(POLL_S):
            for keeper in self._keepers:
                if keeper.duty is Duty.STAY:
                    self._look_after(keeper)
            besides()

    def stop(self) -> None:
        """Stop everything, the last started first."""
        self.stopping.set()
        for keeper in reversed(self._keepers):
            if keeper.has_process:
                self._stop_one(keeper)
        self._keepers.clear()

    def _look_after(self, keeper: Keeper) -> None:
        name = keeper.part.name
        if how := keeper.ended():
            self._report.died(name, how, keeper.plan_restart())
        elif keeper.retry_at is not None:
            if time.monotonic() >= keeper.retry_at:
                keeper.spawn()
        elif keeper.announced:
            keeper.examine()
        elif keeper.ready:
            keeper.announced = True
            self._report.started(name, time.monotonic() - keeper.began)

    def _stop_one(self, keeper: Keeper) -> None:
        self._report.stopping(keeper.part.name)
        keeper.signal(signal.SIGTERM)
        deadline = time.monotonic() + keeper.part.grace_s
        while keeper.ended() is None:
            if time.monotonic() > deadline or self.hurry.is_set():
                keeper.signal(signal.SIGKILL)
            time.sleep(0.02)

    def _failure(self, keeper: Keeper, reason: str) -> PartFailed:
        words = last_words(keeper.log)
        return PartFailed(part=keeper.part.name, reason=words or reason, log=from_here(keeper.log))
