"""Jobs and steps as values, and the questions and wishes a user may have about them.

Job    queued → running → succeeded | failed | cancelled,  running → cancelling → cancelled
Step   ready → published → running → done | failed | cancelled | poisoned
       and back to ready when a publication or a lease is lost, or a fault may pass

Terminal states are final. A step that is done is never claimed again.
"""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ingest import library
from ingest.database import now, reading, writing
from workers.errors import JobNotFound
from workers.tables import JobRow, StepRow, WorkerRow

WORKER_SILENT_SECONDS = 30.0


class JobKind(StrEnum):
    """What can be asked for."""

    READ = "read"
    SUMMARY = "summary"
    QUESTION = "question"
    SEARCH = "search"
    DELETE = "delete"


class Lane(StrEnum):
    """Who waits for it: a person now, or nobody in particular."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """Where a step stands."""

    READY = "ready"
    PUBLISHED = "published"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    POISONED = "poisoned"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})
#: A job whose steps may run.
WANTED = (JobStatus.QUEUED, JobStatus.RUNNING)
UNSTARTED = (StepStatus.READY, StepStatus.PUBLISHED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a queued job has not begun."""

    reason: str  #: `no_worker` or `queued`
    position: int  #: jobs that will begin earlier, plus one
    message: str


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
    waiting: Waiting | None = None

    @property
    def finished(self) -> bool:
        """Whether its state is final."""
        return self.status in TERMINAL

    def public(self) -> dict[str, Any]:
        """The job as the REST interface shows it."""
        return asdict(self)


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
class EngineLoad:
    """What the engine of a worker has done since it started, and is doing."""

    worker: str
    host: str
    figures: dict[str, float]  #: by the names of `workers.engine.load.Load`


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; `None` means any."""

    status: JobStatus | None = None
    kind: JobKind | None = None
    document_id: str | None = None
    collection_id: str | None = None
    limit: int = 50


def job_of(row: JobRow, waiting: Waiting | None = None) -> Job:
    """The value of a row."""
    held = {field.name: getattr(row, field.name) for field in fields(Job)[:-1]}
    held.update(kind=JobKind(row.kind), status=JobStatus(row.status), lane=Lane(row.lane))
    return Job(**held, waiting=waiting)


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
        return job_of(row, _waiting(session, row))


def listing(wanted: JobFilter) -> list[Job]:
    """Jobs that match, newest first."""
    query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id).limit(wanted.limit)
    for column, value in (
        (JobRow.status, wanted.status),
        (JobRow.kind, wanted.kind),
        (JobRow.document_id, wanted.document_id),
        (JobRow.collection_id, wanted.collection_id),
    ):
        if value is not None:
            query = query.where(column == value)
    with reading() as session:
        return [job_of(row, _waiting(session, row)) for row in session.scalars(query)]


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
        return job_of(row, _waiting(session, row))


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
    row.status, row.finished_at = JobStatus.CANCELLED, moment
    row.error = {"code": "cancelled", "message": "The job was cancelled."}
    if row.kind == JobKind.READ and row.document_id:
        library.forget_content(session, row.document_id, "cancelled", "Its reading was cancelled.")


def prioritise(job_id: str, priority: int | None) -> Job:
    """Set the job's priority; `None` puts it in front of everything that waits on its lane."""
    with writing() as session:
        row = session.get(JobRow, job_id)
        if row is None:
            raise JobNotFound(id=job_id)
        if priority is None:
            highest = select(func.max(JobRow.priority)).where(
                JobRow.lane == row.lane, JobRow.status.not_in(TERMINAL), JobRow.id != row.id
            )
            priority = max(row.priority, (session.scalar(highest) or 0) + 1)
        row.priority = priority
        return job_of(row, _waiting(session, row))


def counts() -> dict[str, int]:
    """How many jobs stand in each status."""
    with reading() as session:
        found = session.execute(select(JobRow.status, func.count()).group_by(JobRow.status))
        return dict(found.all())


def engine_loads() -> list[EngineLoad]:
    """What the engines of all live workers have done, as their last heartbeats said."""
    query = select(WorkerRow.id, WorkerRow.host, WorkerRow.engine).order_by(WorkerRow.id)
    with reading() as session:
        live = WorkerRow.seen_at > now(session) - WORKER_SILENT_SECONDS
        found = session.execute(query.where(live)).all()
    return [EngineLoad(worker, host, load) for worker, host, load in found if load]


def silence() -> float | None:
    """Seconds since a worker was last heard; None when there is no worker."""
    with reading() as session:
        seen = session.scalar(select(func.max(WorkerRow.seen_at)))
        return None if seen is None else max(0.0, now(session) - seen)


def _waiting(session: Session, row: JobRow) -> Waiting | None:
    if row.status != JobStatus.QUEUED:
        return None
    live = select(func.count()).where(WorkerRow.seen_at > now(session) - WORKER_SILENT_SECONDS)
    earlier = select(func.count()).where(
        JobRow.status == JobStatus.QUEUED,
        JobRow.lane == row.lane,
        (JobRow.priority > row.priority)
        | ((JobRow.priority == row.priority) & (JobRow.created_at < row.created_at)),
    )
    position = (session.scalar(earlier) or 0) + 1
    if not session.scalar(live):
        return Waiting("no_worker", position, "No worker is running.")
    return Waiting("queued", position, f"Number {position} in the {row.lane} lane.")
