"""How a worker takes a step, keeps it, writes under it and lets it go.

A claim raises the step's fence. Every write of the worker checks the fence in its own
transaction, so a worker that lost its lease (frozen, cut off, thought dead) can't write over the
one that took it; see Kleppmann, "How to do distributed locking" (2016), on fencing tokens.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from ingest.database import now, reading, writing
from ingest.errors import LecternError
from ingest.tables import DocumentRow, DocumentStatus
from workers.clock import Clock
from workers.errors import LeaseLost, StepPoisoned
from workers.jobs import Job, Step, job_of, step_of
from workers.settings import LONGEST_LEASE
from workers.states import UNSTARTED, WANTED, JobKind, JobStatus, StepStatus
from workers.tables import CheckpointRow, JobDocumentRow, JobRow, StepRow, WorkerRow

#: A step that outlived this many workers is not given to another.
LOST_LIMIT = 3
#: Faults that may pass (an index or a server that is away) are tried again this often.
RETRY_DELAYS = (2.0, 10.0, 30.0, 60.0)
#: A publication without a start for this long was lost with the broker.
PUBLISHED_SECONDS = 20.0
#: Start times of one process differ by so much between two looks when the clock is adjusted.
SAME_PROCESS_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this worker holds, and the job it belongs to."""

    job: Job
    step: Step


def claim(step_id: str, owner: str, lease_seconds: float, model: str | None = None) -> Claim | None:
    """Take the step by compare-and-set; None when there is nothing to take.

    `model`: fingerprint of the owner's.
    """
    with writing() as session:
        moment = now(session)
        job = session.scalars(_job_of_step(step_id)).first()
        if job is None:
            return None
        taken = session.execute(
            update(StepRow)
            .where(StepRow.id == step_id, StepRow.status.in_(UNSTARTED))
            .values(
                status=StepStatus.RUNNING,
                fence=StepRow.fence + 1,
                claims=StepRow.claims + 1,
                model=model,
                lease_owner=owner,
                lease_until=moment + lease_seconds,
                started_at=moment,
            )
            .returning(StepRow.id)
        )
        if taken.first() is None:
            return None
        row = session.get_one(StepRow, step_id)
        if job.status not in WANTED:
            row.status, row.finished_at = StepStatus.CANCELLED, moment
            row.lease_owner = row.lease_until = None
            return None
        if job.status == JobStatus.QUEUED:
            job.status, job.started_at = JobStatus.RUNNING, moment
        return Claim(job_of(job), step_of(row))


def _job_of_step(step_id: str) -> Select[JobRow]:
    """The job first, then its steps: the order in which everybody locks them in Postgres."""
    found = select(JobRow).join(StepRow, StepRow.job_id == JobRow.id).where(StepRow.id == step_id)
    return found.with_for_update(of=JobRow)


@contextmanager
def fenced(step: Step) -> Iterator[Session]:
    """A writing session that exists only while the claim holds. Raises LeaseLost."""
    with writing() as session:
        _hold(session, step)
        yield session


def _hold(session: Session, step: Step) -> StepRow:
    row = session.get(StepRow, step.id, with_for_update=True)
    if row is None or row.fence != step.fence or row.status != StepStatus.RUNNING:
        raise LeaseLost(step=step.id)
    return row


def renew(step_ids: Iterable[str], owner: str, lease_seconds: float) -> None:
    """Extend the leases this worker still holds."""
    with writing() as session:
        session.execute(
            update(StepRow)
            .where(
                StepRow.id.in_(list(step_ids)),
                StepRow.lease_owner == owner,
                StepRow.status == StepStatus.RUNNING,
            )
            .values(lease_until=now(session) + lease_seconds)
        )


def checkpoint(key: str) -> dict[str, Any] | None:
    """The output kept under a content key."""
    with reading() as session:
        row = session.get(CheckpointRow, key)
        return row.output if row else None


def kept(keys: Iterable[str]) -> set[str]:
    """The content keys whose output is there already."""
    with reading() as session:
        query = select(CheckpointRow.key).where(CheckpointRow.key.in_(list(keys)))
        return set(session.scalars(query))


def finish(
    session: Session,
    step: Step,
    output: dict[str, Any],
    key: str | None,
    document_id: str | None = None,
) -> JobRow:
    """Mark a step done inside a `fenced` session; returns its job for what comes next.

    With a content key the output is kept for other jobs, until the document is deleted whose words
    it is made of: the given one, or else the job's.
    """
    row, job, moment = _hold(session, step), held_job(session, step), now(session)
    row.status, row.output, row.finished_at = StepStatus.DONE, output, moment
    row.error = row.lease_owner = row.lease_until = None
    source = document_id or job.document_id
    if key and source and session.get(CheckpointRow, key) is None:
        session.add(CheckpointRow(key=key, document_id=source, output=output, created_at=moment))
    session.flush()
    return job


def give_up(session: Session, step: Step, status: StepStatus, error: LecternError) -> JobRow:
    """Mark a held step failed or cancelled inside a `fenced` session; returns its job."""
    row, job = _hold(session, step), held_job(session, step)
    row.status, row.finished_at = status, now(session)
    row.error = {"code": error.code, "message": str(error)}
    row.lease_owner = row.lease_until = None
    session.flush()
    return job


def held_job(session: Session, step: Step) -> JobRow:
    """The job of a held step; in Postgres nobody else ends or plans it before we have.

    Two last steps that end at the same moment would otherwise each see the other one running.
    """
    return session.get_one(JobRow, step.job_id, with_for_update=True)


def give_back(session: Session, step: Step, error: LecternError | None) -> bool:
    """Return a held step for another try inside a `fenced` session; false when it had its tries.

    Without an error (a worker that shuts down) the return is free of charge and delay. What is
    being deleted is hidden already, so a deletion is tried until it succeeds.
    """
    row = _hold(session, step)
    if error is not None:
        tries = len(RETRY_DELAYS)
        if row.retries >= tries and held_job(session, step).kind != JobKind.DELETE:
            return False
        row.not_before = now(session) + RETRY_DELAYS[min(row.retries, tries - 1)]
        row.retries += 1
        row.error = {"code": error.code, "message": str(error)}
    row.status = StepStatus.READY
    row.lease_owner = row.lease_until = row.published_at = None
    return True


def draw_on(session: Session, step: Step, document_ids: Iterable[str]) -> set[str]:
    """Note inside a `fenced` session that the job is made of these documents.

    Deleting one of them deletes the job. Returns those that exist: what is being deleted now
    must not be drawn on any more.
    """
    there = select(DocumentRow.id).where(
        DocumentRow.id.in_(set(document_ids)), DocumentRow.status != DocumentStatus.DELETING
    )
    found = set(session.scalars(there))
    for document_id in found:
        session.merge(JobDocumentRow(job_id=step.job_id, document_id=document_id))
    return found


def reclaim(session: Session) -> list[str]:
    """Take back what was lost: leases that ran out, publications nobody began.

    Returns jobs to settle in the same transaction: those of poisoned steps, and unwanted ones
    whose worker is gone.
    """
    moment = now(session)
    forgotten, expired = _lost(moment)
    session.execute(
        update(StepRow).where(forgotten).values(status=StepStatus.READY, published_at=None)
    )
    query = select(StepRow).where(expired).with_for_update(skip_locked=True)
    touched = [_take_back(session, row, moment) for row in session.scalars(query).all()]
    return [job_id for job_id in dict.fromkeys(touched) if job_id]


def anything_lost(clock: Clock) -> bool:
    """Whether `reclaim` would find something, by a clock that can be believed; takes no lock."""
    with reading() as session:
        moment = now(session)
        lost = select(StepRow.id).where(or_(*_lost(moment))).limit(1)
        return clock.believed(moment) and session.scalars(lost).first() is not None


def _lost(moment: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Publications nobody began, and leases that ran out.

    What lies further ahead than it can have been set is of a time before the clock went back.
    """
    published, until = StepRow.published_at, StepRow.lease_until
    forgotten = (published < moment - PUBLISHED_SECONDS) | (published > moment + PUBLISHED_SECONDS)
    expired = (until < moment) | (until > moment + LONGEST_LEASE)
    return (
        (StepRow.status == StepStatus.PUBLISHED) & forgotten,
        (StepRow.status == StepStatus.RUNNING) & expired,
    )


def wanted(step_ids: Collection[str]) -> set[tuple[str, int]]:
    """Of these steps those that run for a job that is wanted, each with its fence."""
    query = (
        select(StepRow.id, StepRow.fence)
        .join(JobRow, JobRow.id == StepRow.job_id)
        .where(
            StepRow.id.in_(step_ids),
            StepRow.status == StepStatus.RUNNING,
            JobRow.status.in_(WANTED),
        )
    )
    with reading() as session:
        return {(step_id, fence) for step_id, fence in session.execute(query)}


def release_dead(host: str, alive: Mapping[int, float]) -> None:
    """Let the leases of this host's dead workers run out now, not in half a minute.

    `alive` holds the start time of every process that still runs, by pid.
    """
    with writing() as session:
        for worker in session.scalars(select(WorkerRow).where(WorkerRow.host == host)).all():
            began = alive.get(worker.pid)
            if began and abs(began - worker.process_started) < SAME_PROCESS_SECONDS:
                continue
            session.execute(
                update(StepRow)
                .where(StepRow.lease_owner == worker.id, StepRow.status == StepStatus.RUNNING)
                .values(lease_until=0.0)
            )
            session.delete(worker)


def _take_back(session: Session, row: StepRow, moment: float) -> str | None:
    log.warning("lease_expired", step=row.id, job=row.job_id, owner=row.lease_owner)
    row.lost += 1
    row.lease_owner = row.lease_until = row.published_at = None
    job = session.get_one(JobRow, row.job_id)
    if job.status not in WANTED:
        row.status, row.finished_at = StepStatus.CANCELLED, moment
        return row.job_id
    if row.lost < LOST_LIMIT:
        row.status = StepStatus.READY
        return None
    error = StepPoisoned(step=row.kind, lost=row.lost)
    row.status, row.finished_at = StepStatus.POISONED, moment
    row.error = {"code": error.code, "message": str(error)}
    return row.job_id
