"""Jobs and steps as values, and the questions and wishes a user may have about them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ingest import blobs, generations, library, versions
from ingest.database import now, reading, writing
from ingest.tables import GenerationStatus
from workers import ending
from workers.errors import Cancelled, JobNotFound
from workers.promises import Promise, begin_now, promises
from workers.states import TERMINAL, UNSTARTED, JobKind, JobStatus, Lane, StepStatus, When
from workers.tables import JobRow, StepRow
from workers.waiting import Waiting, waiting


@dataclass(frozen=True, slots=True)
class Job:
    """What a user asked for, as the database has it at one moment."""

    id: str
    kind: JobKind
    status: JobStatus
    lane: Lane
    priority: int
    collection_id: str | None
    document_id: str | None
    params: dict[str, Any]
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    cancel_requested_at: float | None
    owner: str = ""  #: nobody in particular
    when: When = When.NOW
    waiting: Waiting | None = None
    estimate: Promise | None = None

    @property
    def cancelled_after(self) -> float | None:
        """Seconds from the wish to cancel it until nothing of it ran any more."""
        if self.status is not JobStatus.CANCELLED or self.cancel_requested_at is None:
            return None
        return (self.finished_at or 0.0) - self.cancel_requested_at

    @property
    def finished(self) -> bool:
        """Whether its state is final."""
        return self.status in TERMINAL

    def public(self) -> dict[str, Any]:
        """The job as the REST interface shows it."""
        return asdict(self) | {"cancelled_after": self.cancelled_after}


@dataclass(frozen=True, slots=True)
class Step:
    """A unit of a job's work, as the database has it at one moment."""

    id: str
    job_id: str
    kind: str
    ordinal: int
    lane: Lane
    status: StepStatus
    input: dict[str, Any]
    output: dict[str, Any] | None
    error: dict[str, Any] | None
    fence: int
    claims: int
    lost: int
    retries: int
    started_at: float | None
    finished_at: float | None

    def public(self) -> dict[str, Any]:
        """The step as the REST interface shows it, without its texts."""
        hidden = {"job_id", "input", "output", "fence", "lane"}
        return {key: value for key, value in asdict(self).items() if key not in hidden}


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; `None` means any."""

    status: JobStatus | None = None
    kind: JobKind | None = None
    document_id: str | None = None
    collection_id: str | None = None
    owner: str | None = None
    unfinished: bool = False  #: only what has not ended
    limit: int = 50


def job_of(row: JobRow, waiting: Waiting | None = None, estimate: Promise | None = None) -> Job:
    """The value of a row."""
    held = {field.name: getattr(row, field.name) for field in fields(Job)[:-2]}
    held.update(kind=JobKind(row.kind), status=JobStatus(row.status))
    held.update(lane=Lane(row.lane), when=When(row.when))
    return Job(**held, waiting=waiting, estimate=estimate)


def step_of(row: StepRow) -> Step:
    """The value of a row."""
    held = {field.name: getattr(row, field.name) for field in fields(Step)}
    held.update(lane=Lane(row.lane), status=StepStatus(row.status))
    return Step(**held)


def get(job_id: str) -> Job:
    """The job, with the reason if it still waits."""
    with reading() as session:
        row = session.get(JobRow, job_id)
        if row is None:
            raise JobNotFound(id=job_id)
        return _seen(session, [row])[0]


def listing(wanted: JobFilter) -> list[Job]:
    """Jobs that match, newest first."""
    query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id).limit(wanted.limit)
    for column, value in (
        (JobRow.status, wanted.status),
        (JobRow.kind, wanted.kind),
        (JobRow.document_id, wanted.document_id),
        (JobRow.collection_id, wanted.collection_id),
        (JobRow.owner, wanted.owner),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.unfinished:
        query = query.where(JobRow.status.not_in(TERMINAL))
    with reading() as session:
        return _seen(session, list(session.scalars(query)))


def steps_of(job_id: str) -> list[Step]:
    """The job's steps in the order they were planned."""
    with reading() as session:
        if session.get(JobRow, job_id) is None:
            raise JobNotFound(id=job_id)
        return planned_steps(session, job_id)


def planned_steps(session: Session, job_id: str) -> list[Step]:
    """The job's steps, in the caller's session."""
    query = select(StepRow).where(StepRow.job_id == job_id)
    order = (StepRow.created_at, StepRow.kind, StepRow.ordinal)
    return [step_of(row) for row in session.scalars(query.order_by(*order))]


def cancel(job_id: str) -> Job:
    """Ask for the job to stop. What never began is cancelled at once; asking twice is harmless.

    Running steps see the wish within half a second (`runtime` polls for it) and stop between
    two decode steps; the last of them makes the job `cancelled`. A deletion goes on: what it
    removes is hidden already and must not stay for ever.
    """
    with writing() as session:
        row = session.get(JobRow, job_id, with_for_update=True)
        if row is None:
            raise JobNotFound(id=job_id)
        if JobStatus(row.status) not in TERMINAL and row.kind != JobKind.DELETE:
            request_cancel(session, row)
        return _seen(session, [row])[0]


def request_cancel(session: Session, row: JobRow) -> None:
    """Cancel `row` inside the caller's transaction, as far as no worker is needed for it."""
    moment = now(session)
    row.cancel_requested_at = row.cancel_requested_at or moment
    session.execute(
        update(StepRow)
        .where(StepRow.job_id == row.id, StepRow.status.in_(UNSTARTED))
        .values(status=StepStatus.CANCELLED, finished_at=moment)
    )
    running = select(func.count()).where(
        StepRow.job_id == row.id, StepRow.status == StepStatus.RUNNING
    )
    if session.scalar(running):
        row.status = JobStatus.CANCELLING
        return
    ending.end(session, row, JobStatus.CANCELLED, Cancelled(), moment)
    if row.kind == JobKind.READ and row.document_id:
        _forget_reading(session, row.document_id, row.params.get("version_id"))
    if row.kind == JobKind.REINDEX:
        generations.leave(session, row.id, GenerationStatus.RETIRED)


def _forget_reading(session: Session, document_id: str, version_id: str | None) -> None:
    """Nothing is left of what was read; a document that readers see stays as they see it."""
    if version_id is None:
        library.forget_content(session, document_id, "cancelled", "Its reading was cancelled.")
        return
    for sha256 in versions.drop(session, version_id):
        blobs.delete(sha256)


def prioritise(job_id: str, priority: int | None) -> Job:
    """Set the job's priority; `None` puts it in front of everything that waits on its lane.

    Then it does not wait for the night either.
    """
    with writing() as session:
        row = session.get(JobRow, job_id)
        if row is None:
            raise JobNotFound(id=job_id)
        if priority is None:
            highest = select(func.max(JobRow.priority)).where(
                JobRow.lane == row.lane, JobRow.status.not_in(TERMINAL), JobRow.id != row.id
            )
            priority = max(row.priority, (session.scalar(highest) or 0) + 1)
            if row.when == When.NIGHT and row.status not in TERMINAL:
                row.when = When.NOW
                begin_now(session, row.id)
        row.priority = priority
        return _seen(session, [row])[0]


def counts() -> dict[str, int]:
    """How many jobs stand in each status."""
    with reading() as session:
        found = session.execute(select(JobRow.status, func.count()).group_by(JobRow.status))
        return dict(found.all())


def _seen(session: Session, rows: Sequence[JobRow]) -> list[Job]:
    """Jobs with all that a user wants to know of them."""
    waits, estimates = waiting(session, rows), promises(session, rows)
    return [job_of(row, waits.get(row.id), estimates.get(row.id)) for row in rows]
