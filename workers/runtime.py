"""A worker process at work: takes steps, keeps their leases alive, notices what was lost.

One thread, the pulse, does for all steps of the process what must not wait for them: it renews
leases, sees cancellations, says that the worker lives, and looks for work that others lost.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import psutil
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest.database import new_id, now, reading, schema_fits, writing
from ingest.errors import LecternError, Unavailable
from workers import dispatcher, events, forgetting, lifecycle, settling, steps
from workers.clock import Clock
from workers.engine.bundle import source
from workers.errors import Cancelled, LeaseLost
from workers.fleet import WORKER_SILENT_SECONDS
from workers.idle import Chore, IdleTime
from workers.jobs import Job, Step
from workers.kinds import KINDS
from workers.retuning import Retuner
from workers.settings import Settings
from workers.states import WANTED, StepStatus
from workers.steps import Claim
from workers.tables import JobRow, StepRow, WorkerRow
from workers.warming import Warmer
from workers.work import Output, Tools, Work

PULSE_SECONDS = 0.5
LAST_PULSE_SECONDS = 20.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Held:
    """A step this process works on."""

    claim: Claim
    unwanted: threading.Event = field(default_factory=threading.Event)


class Runtime:
    """The process's tools and the steps it holds."""

    def __init__(self, tools: Tools, settings: Settings) -> None:
        self._tools, self._settings = tools, settings
        #: By step and fence: one that was lost here may come again while its old thread still ends.
        self._held: dict[tuple[str, int], _Held] = {}
        self._stopping, self._left = threading.Event(), threading.Event()
        process = psutil.Process()
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._process_started = process.create_time()
        self.owner = new_id("worker")
        self._clock = Clock(settings.lease_seconds)
        self._pulse = threading.Thread(target=self._live, name="pulse", daemon=True)
        self._idle = IdleTime(tools.language.engine, self._occupied)

    def start(self) -> None:
        """Register, take over what dead workers of this host held, and begin to beat."""
        steps.release_dead(self._host, _processes_alive())
        self._say_alive()
        self._look_around()
        self._pulse.start()
        self._idle.start(*self._chores())

    def stop(self) -> None:
        """Stop taking steps; running ones are given back between two decode steps."""
        self._stopping.set()

    def leave(self) -> None:
        """Unregister, after the last step was given back."""
        self._stopping.set()
        self._left.set()
        self._idle.stop(LAST_PULSE_SECONDS)
        if self._pulse.is_alive():
            self._pulse.join(LAST_PULSE_SECONDS)  # or it might register us again
        with writing() as session:
            row = session.get(WorkerRow, self.owner)
            if row is not None:
                session.delete(row)

    def run(self, step_id: str) -> None:
        """Run one step, if it is still there to be taken."""
        if self._stopping.is_set():
            dispatcher.withdraw([step_id])
            return
        claim = self._claimed(step_id)
        if claim is None:
            return
        key = step_id, claim.step.fence
        held = self._held[key] = _Held(claim)
        try:
            self._perform(held)
        except LeaseLost:
            log.warning("lease_lost", step=step_id, job=claim.job.id)
            _forget_erased(claim.job.id)
        finally:
            del self._held[key]
        if not self._stopping.is_set():  # nobody would be here to take what is published
            dispatcher.dispatch()

    def _claimed(self, step_id: str) -> Claim | None:
        try:
            return steps.claim(step_id, self.owner, self._settings.lease_seconds)
        except DBAPIError as error:  # the tick publishes it again
            log.warning("claim_missed", step=step_id, error=str(error.orig))
            return None

    def _perform(self, held: _Held) -> None:
        claim = held.claim
        work = Work(claim.job, claim.step, self._tools, self._wanted_no_more(held))
        try:
            output = KINDS[claim.job.kind].runners[claim.step.kind](work)
            self._settle(claim, lambda session: _finished(session, claim.step, output))
        except LeaseLost:
            raise
        except Cancelled as error:
            # Nobody asked for it: then it costs a try, or it would begin anew for ever.
            self._put_back(claim, None if work.cancelled() else error)
        except Unavailable as error:
            log.warning("step_put_off", step=claim.step.id, job=claim.job.id, error=str(error))
            self._put_back(claim, error)
        except DBAPIError as error:
            log.warning("step_put_off", step=claim.step.id, job=claim.job.id, error=str(error.orig))
            self._put_back(claim, _DatabaseFault())
        except LecternError as error:
            self._fail(claim, error)
        except Exception as error:  # the border: a bug must end the job, not hang it
            log.exception("step_failed", step=claim.step.id, job=claim.job.id)
            self._fail(claim, _Unexpected(kind=type(error).__name__))

    def _put_back(self, claim: Claim, error: LecternError | None) -> None:
        self._settle(claim, lambda session: lifecycle.put_back(session, claim.step, error))

    def _fail(self, claim: Claim, error: LecternError) -> None:
        self._settle(claim, lambda session: lifecycle.give_up(session, claim.step, error))

    def _settle(self, claim: Claim, write: settling.Write) -> None:
        settling.settle(claim.step, write, self._stopping.wait)

    def _wanted_no_more(self, held: _Held) -> Callable[[], bool]:
        return lambda: held.unwanted.is_set() or self._stopping.is_set()

    def _live(self) -> None:
        try:
            self._beat()
        finally:
            if not self._left.is_set():  # leases would run out unseen: better to start anew
                self.stop()
                os.kill(self._pid, signal.SIGTERM)

    def _beat(self) -> None:
        lease = self._settings.lease_seconds
        renewed = looked = time.monotonic()
        while not self._left.wait(PULSE_SECONDS):
            moment = time.monotonic()
            try:
                self._see_unwanted()
                if moment - renewed > min(lease, WORKER_SILENT_SECONDS) / 3:
                    steps.renew({step_id for step_id, _ in list(self._held)}, self.owner, lease)
                    self._say_alive()
                    renewed = moment
                if moment - looked > self._settings.tick_seconds:
                    self._look_around()
                    looked = moment
            except DBAPIError as error:
                log.warning("pulse_missed", error=str(error.orig))

    def _see_unwanted(self) -> None:
        """Stop what was cancelled, erased, or taken over by another worker."""
        held = dict(self._held)
        if not held:
            return
        query = (
            select(StepRow.id, StepRow.fence)
            .join(JobRow, JobRow.id == StepRow.job_id)
            .where(
                StepRow.id.in_({step_id for step_id, _ in held}),
                StepRow.status == StepStatus.RUNNING,
                JobRow.status.in_(WANTED),
            )
        )
        with reading() as session:
            wanted = {(step_id, fence) for step_id, fence in session.execute(query)}
        for key, each in held.items():
            if key not in wanted:
                each.unwanted.set()
        engine = self._tools.language.engine
        if engine is not None and any(each.unwanted.is_set() for each in held.values()):
            engine.see_cancelled()

    def _say_alive(self) -> None:
        if self._stopping.is_set():
            return  # the others should not count on us any more
        engine = self._tools.language.engine
        if (engine is not None and not engine.alive) or not schema_fits():
            self.stop()  # without a heartbeat nothing more is published for this process
            os.kill(self._pid, signal.SIGTERM)
            return
        with writing() as session:
            session.merge(self._row(session))

    def _row(self, session: Session) -> WorkerRow:
        engine = self._tools.language.engine
        return WorkerRow(
            id=self.owner,
            host=self._host,
            pid=self._pid,
            process_started=self._process_started,
            model=self._tools.language.fingerprint,
            batch_slots=self._settings.batch_slots,
            interactive_slots=self._settings.interactive_slots,
            seen_at=now(session),
            engine=asdict(engine.load()) if engine is not None else None,
        )

    def _chores(self) -> Iterator[Chore]:
        if self._settings.warm and self._settings.prefix_disk_mb:
            yield Warmer(self._tools.language, self._settings, self._idle.over).warm
        if self._settings.tune == "auto" and not self._settings.llm_url:
            yield Retuner(source(self._settings.model), self._idle.over).retune

    def _occupied(self) -> bool:
        return bool(self._held) or self._stopping.is_set()

    def _look_around(self) -> None:
        if self._stopping.is_set():
            return
        engine = self._tools.language.engine
        if engine is not None:
            forgetting.forget_deleted(engine)
        if steps.anything_lost(self._clock):
            with writing() as session:
                ended = lifecycle.reclaim(session)
            for job in ended:
                lifecycle.tell(job)
        dispatcher.dispatch()


def _finished(session: Session, step: Step, output: Output) -> Job | None:
    row = steps.finish(session, step, output.data, output.key, output.document_id)
    return lifecycle.advance(session, row)


def _forget_erased(job_id: str) -> None:
    """A job that was erased while it ran here may have gone on talking."""
    with reading() as session:
        erased = session.get(JobRow, job_id) is None
    if erased:
        events.forget([job_id])


def _processes_alive() -> dict[int, float]:
    found = psutil.process_iter(["pid", "create_time", "status"])
    return {
        process.pid: process.info["create_time"]
        for process in found
        if process.info["status"] != psutil.STATUS_ZOMBIE  # dead, though nobody has asked how
    }


class _Unexpected(LecternError):
    """Something unexpected went wrong ({kind}); the worker's log has the details."""


class _DatabaseFault(Unavailable):
    """The database refused; the worker's log has the details."""

    code = "database_unavailable"
