"""A worker process at work: takes steps, keeps their leases alive, notices what was lost.

One thread, the pulse, does for all steps of the process what must not wait for them: it renews
leases, sees cancellations, says that the worker lives, and looks for work that others lost.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest.database import reading, schema_fits, writing
from ingest.embedders import Embedders
from ingest.errors import LecternError, Unavailable
from workers import dispatcher, events, forgetting, lifecycle, settling, steps
from workers.clock import Clock
from workers.engine.bundle import source
from workers.errors import Cancelled, LeaseLost, PromptTooLong, RpcHostLost
from workers.fleet import WORKER_SILENT_SECONDS
from workers.heartbeat import Heartbeat, processes_alive
from workers.idle import Chore, IdleTime
from workers.jobs import Job, Step
from workers.kinds import KINDS
from workers.retuning import Retuner
from workers.settings import Settings
from workers.steps import Claim
from workers.tables import JobRow
from workers.warming import Warmer
from workers.work import Output, Tools, Work

PULSE_SECONDS = 0.5
#: How long a worker that makes room for another may take to finish what it holds.
DRAIN_SECONDS = 900.0
LAST_PULSE_SECONDS = 20.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Held:
    """A step this process works on."""

    claim: Claim
    unwanted: threading.Event = field(default_factory=threading.Event)


class Runtime:
    """The process's tools and the steps it holds."""

    def __init__(
        self, tools: Tools, settings: Settings, about: Mapping[str, object] | None = None
    ) -> None:
        """`about`: what else is told of the process, by the names of `fleet.Seen`."""
        self._tools, self._settings = tools, settings
        #: By step and fence: one that was lost here may come again while its old thread still ends.
        self._held: dict[tuple[str, int], _Held] = {}
        self._stopping, self._left = threading.Event(), threading.Event()
        self._drained_by: float | None = None  #: monotonic; None: nobody asked us to make room
        self._unsaid = False  #: whether the next heartbeat is wanted before its time
        self._heartbeat = Heartbeat(settings, tools, about or {})
        self.owner = self._heartbeat.owner
        self._clock = Clock(settings.lease_seconds)
        self._pulse = threading.Thread(target=self._live, name="pulse", daemon=True)
        self._idle = IdleTime(tools.language.engine, self._occupied)

    @property
    def embedders(self) -> Embedders:
        """Those of the process."""
        return self._tools.embedders

    def start(self) -> None:
        """Register, take over what dead workers of this host held, and begin to beat."""
        steps.release_dead(self._heartbeat.host, processes_alive())
        self._say_alive()
        self._look_around()
        self._pulse.start()
        self._idle.start(*self._chores())

    def stop(self) -> None:
        """Stop taking steps; running ones are given back between two decode steps."""
        self._stopping.set()

    def drain(self) -> None:
        """Take no more steps, finish those that are held; after a while give them back as well."""
        self._drained_by, self._unsaid = time.monotonic() + DRAIN_SECONDS, True
        log.info("draining", steps=len(self._held))

    def leave(self) -> None:
        """Unregister, after the last step was given back."""
        self._stopping.set()
        self._left.set()
        self._idle.stop(LAST_PULSE_SECONDS)
        if self._pulse.is_alive():
            self._pulse.join(LAST_PULSE_SECONDS)  # or it might register us again
        self._heartbeat.end()

    def run(self, step_id: str) -> None:
        """Run one step, if it is still there to be taken."""
        if self._leaving:
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
            model, lease = self._tools.language.fingerprint, self._settings.lease_seconds
            return steps.claim(step_id, self.owner, lease, model)
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
        except RpcHostLost as error:
            self._host_lost(error)
        except Unavailable as error:
            log.warning("step_put_off", step=claim.step.id, job=claim.job.id, error=str(error))
            self._put_back(claim, error)
        except DBAPIError as error:
            log.warning("step_put_off", step=claim.step.id, job=claim.job.id, error=str(error.orig))
            self._put_back(claim, _DatabaseFault())
        except PromptTooLong as error:
            self._outgrown(claim, error)
        except LecternError as error:
            self._fail(claim, error)
        except Exception as error:  # the border: a bug must end the job, not hang it
            log.exception("step_failed", step=claim.step.id, job=claim.job.id)
            self._fail(claim, _Unexpected(kind=type(error).__name__))

    def _put_back(self, claim: Claim, error: LecternError | None) -> None:
        self._settle(claim, lambda session: lifecycle.put_back(session, claim.step, error))

    def _fail(self, claim: Claim, error: LecternError) -> None:
        self._settle(claim, lambda session: lifecycle.give_up(session, claim.step, error))

    def _outgrown(self, claim: Claim, error: LecternError) -> None:
        self._settle(claim, lambda session: lifecycle.outgrown(session, claim.step, error))

    def _settle(self, claim: Claim, write: settling.Write) -> None:
        settling.settle(claim.step, write, self._stopping.wait)

    def _wanted_no_more(self, held: _Held) -> Callable[[], bool]:
        return lambda: held.unwanted.is_set() or self._stopping.is_set()

    def _live(self) -> None:
        try:
            self._beat()
        finally:
            if not self._left.is_set():  # leases would run out unseen: better to start anew
                self._end()

    def _beat(self) -> None:
        lease = self._settings.lease_seconds
        renewed = looked = time.monotonic()
        while not self._left.wait(PULSE_SECONDS):
            moment = time.monotonic()
            if self._drained_by is not None and moment > self._drained_by:
                self.stop()
            try:
                self._see_lost_host()
                self._see_unwanted()
                if moment - renewed > min(lease, WORKER_SILENT_SECONDS) / 3 or self._unsaid:
                    steps.renew({step_id for step_id, _ in list(self._held)}, self.owner, lease)
                    self._unsaid = False
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
        wanted = steps.wanted({step_id for step_id, _ in held})
        for key, each in held.items():
            if key not in wanted:
                each.unwanted.set()
        engine = self._tools.language.engine
        if engine is not None and any(each.unwanted.is_set() for each in held.values()):
            engine.see_cancelled()

    def _see_lost_host(self) -> None:
        engine = self._tools.language.engine
        error = engine.lost() if engine is not None else None
        if error is not None and not self._stopping.is_set():
            self._host_lost(error)

    def _host_lost(self, error: RpcHostLost) -> None:
        """No step can end here any more, and none is to blame: all are given back, free of charge.

        Their threads may hang in the library for ever. The next start says which host is away.
        """
        first = not self._stopping.is_set()
        if first:
            log.critical("rpc_host_lost", error=str(error))
            self.stop()
        try:
            for held in list(self._held.values()):
                with suppress(LeaseLost):
                    self._put_back(held.claim, None)
            self._heartbeat.end()  # the library may end the process before it can leave
        finally:
            if first:
                self._end()

    def _end(self) -> None:
        self.stop()
        os.kill(os.getpid(), signal.SIGTERM)

    def _say_alive(self) -> None:
        if self._stopping.is_set():
            return  # the others should not count on us any more
        engine = self._tools.language.engine
        if (engine is not None and not engine.alive) or not schema_fits():
            self._end()  # without a heartbeat nothing more is published for this process
            return
        self._heartbeat.tell(engine, leaving=self._leaving)

    def _chores(self) -> Iterator[Chore]:
        if self._settings.warm and self._settings.prefix_disk_mb:
            yield Warmer(self._tools.language, self._settings, self._idle.over).warm
        elsewhere = self._settings.llm_url or self._settings.rpc_servers
        if self._settings.tune == "auto" and not elsewhere:
            yield Retuner(source(self._settings.model), self._idle.over).retune

    def _occupied(self) -> bool:
        return bool(self._held) or self._leaving

    @property
    def _leaving(self) -> bool:
        return self._stopping.is_set() or self._drained_by is not None

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


class _Unexpected(LecternError):
    """Something unexpected went wrong ({kind}); the worker's log has the details."""


class _DatabaseFault(Unavailable):
    """The database refused; the worker's log has the details."""

    code = "database_unavailable"
