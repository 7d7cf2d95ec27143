"""A worker process at work: takes steps, keeps their leases alive, notices what was lost.

One thread, the pulse, does for all steps of the process what must not wait for them: it renews
leases, sees cancellations, says that the worker lives, and looks for work that others lost.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest.database import new_id, now, reading, writing
from ingest.errors import LecternError, Unavailable
from workers import dispatcher, lifecycle, steps
from workers.errors import Cancelled, LeaseLost
from workers.jobs import Job, JobStatus, StepStatus
from workers.kinds import KINDS
from workers.work import Tools, Work
from workers.settings import Settings
from workers.steps import Claim
from workers.tables import JobRow, WorkerRow

PULSE_SECONDS = 0.5
UNWANTED = (JobStatus.CANCELLING, JobStatus.CANCELLED, JobStatus.FAILED)

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
        self._held: dict[str, _Held] = {}
        self._stopping = threading.Event()
        process = psutil.Process()
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._process_started = process.create_time()
        self.owner = new_id("worker")
        self._pulse = threading.Thread(target=self._live, name="pulse", daemon=True)

    def start(self) -> None:
        """Register, take over what dead workers of this host held, and begin to beat."""
        steps.release_dead(self._host, _processes_alive())
        self._say_alive()
        self._look_around()
        self._pulse.start()

    def stop(self) -> None:
        """Stop taking steps; running ones are given back between two decode steps."""
        self._stopping.set()

    def leave(self) -> None:
        """Unregister, after the last step was given back."""
        self._stopping.set()
        with writing() as session:
            row = session.get(WorkerRow, self.owner)
            if row is not None:
                session.delete(row)

    def run(self, step_id: str) -> None:
        """Run one step, if it is still there to be taken."""
        if self._stopping.is_set():
            return  # its publication is taken back by the tick
        claim = steps.claim(step_id, self.owner, self._settings.lease_seconds)
        if claim is None:
            return
        held = self._held[step_id] = _Held(claim)
        try:
            self._perform(held)
        except LeaseLost:
            log.warning("lease_lost", step=step_id, job=claim.job.id)
        finally:
            del self._held[step_id]
        dispatcher.dispatch()

    def _perform(self, held: _Held) -> None:
        claim = held.claim
        work = Work(claim.job, claim.step, self._tools, self._wanted_no_more(held))
        runner = KINDS[claim.job.kind].runners[claim.step.kind]
        try:
            output = runner(work)
            with steps.fenced(claim.step) as session:
                row = steps.finish(session, claim.step, output.data, output.key)
                job = lifecycle.advance(session, row)
            lifecycle.tell(job)
        except LeaseLost:
            raise
        except Cancelled:
            self._let_go(held)
        except (Unavailable, DBAPIError) as error:
            self._try_again(claim, error)
        except LecternError as error:
            self._fail(claim, error)
        except Exception as error:  # noqa: BLE001 - the border: a bug must end the job, not hang it
            log.exception("step_failed", step=claim.step.id, job=claim.job.id)
            self._fail(claim, _Unexpected(kind=type(error).__name__))

    def _wanted_no_more(self, held: _Held) -> Callable[[], bool]:
        return lambda: held.unwanted.is_set() or self._stopping.is_set()

    def _let_go(self, held: _Held) -> None:
        """The step stopped early: because of the job, or because this process ends."""
        step = held.claim.step
        if not held.unwanted.is_set():
            steps.give_back(step, None)
            return
        with steps.fenced(step) as session:
            row = steps.give_up(session, step, StepStatus.CANCELLED, Cancelled())
            job = lifecycle.end_when_idle(session, row)
        lifecycle.tell(job)

    def _try_again(self, claim: Claim, error: Unavailable | DBAPIError) -> None:
        known = error if isinstance(error, LecternError) else _DatabaseFault(reason=error.orig)
        log.warning("step_put_off", step=claim.step.id, job=claim.job.id, error=str(known))
        if not steps.give_back(claim.step, known):
            self._fail(claim, known)

    def _fail(self, claim: Claim, error: LecternError) -> None:
        with steps.fenced(claim.step) as session:
            row = steps.give_up(session, claim.step, StepStatus.FAILED, error)
            job = lifecycle.fail(session, row, error)
        lifecycle.tell(job)

    def _live(self) -> None:
        try:
            self._beat()
        finally:
            if not self._stopping.is_set():  # leases would run out unseen: better to start anew
                self.stop()
                os.kill(self._pid, signal.SIGTERM)

    def _beat(self) -> None:
        renewed = looked = time.monotonic()
        while not self._stopping.wait(PULSE_SECONDS):
            moment = time.monotonic()
            try:
                self._see_cancellations()
                if moment - renewed > self._settings.lease_seconds / 3:
                    steps.renew(self._held, self.owner, self._settings.lease_seconds)
                    self._say_alive()
                    renewed = moment
                if moment - looked > self._settings.tick_seconds:
                    self._look_around()
                    looked = moment
            except DBAPIError as error:
                log.warning("pulse_missed", error=str(error.orig))

    def _see_cancellations(self) -> None:
        held = dict(self._held)
        if not held:
            return
        job_ids = {each.claim.job.id for each in held.values()}
        with reading() as session:
            query = select(JobRow.id, JobRow.status).where(JobRow.id.in_(job_ids))
            status = dict(session.execute(query).tuples().all())
        for each in held.values():
            if status.get(each.claim.job.id, JobStatus.CANCELLED) in UNWANTED:
                each.unwanted.set()

    def _say_alive(self) -> None:
        engine = self._tools.language.engine
        if engine is not None and not engine.alive:
            self.stop()  # without a heartbeat nothing more is published for this process
            os.kill(self._pid, signal.SIGTERM)
            return
        with writing() as session:
            session.merge(self._row(session))

    def _row(self, session: Session) -> WorkerRow:
        return WorkerRow(
            id=self.owner,
            host=self._host,
            pid=self._pid,
            process_started=self._process_started,
            model=self._tools.language.fingerprint,
            batch_slots=self._settings.batch_slots,
            interactive_slots=self._settings.interactive_slots,
            seen_at=now(session),
        )

    def _look_around(self) -> None:
        for job_id in steps.reclaim():
            with writing() as session:
                job = _after_loss(session, job_id)
            if job is not None:
                lifecycle.tell(job)
        dispatcher.dispatch()


def _after_loss(session: Session, job_id: str) -> Job | None:
    row = session.get(JobRow, job_id)
    return lifecycle.after_loss(session, row) if row is not None else None


def _processes_alive() -> set[tuple[int, float]]:
    alive = set[tuple[int, float]]()
    for process in psutil.process_iter(["pid", "create_time"]):
        alive.add((process.info["pid"], process.info["create_time"]))
    return alive


class _Unexpected(LecternError):
    """Something unexpected went wrong ({kind}); the worker's log has the details."""


class _DatabaseFault(Unavailable):
    """The database refused: {reason}"""

    code = "database_unavailable"
