"""Decides what runs next and rings for it, never more than the fleet has slots for.

Called on submit, at every step's end and by each worker's tick. Queues stay short, so priority,
"to the front" and cancelling are exact: what has not been published can still be reordered.
"""

from collections import Counter
from dataclasses import dataclass

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest.database import now, reading, writing
from workers import fleet
from workers.app import RUN_STEP, app
from workers.states import WANTED, Lane, StepStatus
from workers.steps import RETRY_DELAYS
from workers.tables import JobRow, StepRow

CANDIDATES = 200
#: An interactive step beyond the engine's slots may wait in a worker thread: it costs nothing.
INTERACTIVE_OVERBOOKING = 2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A step that could be published now."""

    step_id: str
    job_id: str
    priority: int
    created_at: float


def dispatch() -> int:
    """Publish the next steps of both lanes; returns how many.

    Never raises for a dead broker or a busy database: what was asked stands, the next tick looks.
    """
    try:
        return _publish()
    except DBAPIError as error:
        log.warning("dispatch_put_off", error=str(error.orig))
        return 0


def _publish() -> int:
    if not _anything_ready():
        return 0
    with writing() as session:
        chosen = [(lane, step) for lane in Lane for step in _publishable(session, lane)]
    for sent, (lane, step_id) in enumerate(chosen):
        if not _ring(lane, step_id):
            withdraw([step_id for _, step_id in chosen[sent:]])
            return sent
    return len(chosen)


def _anything_ready() -> bool:
    """Looked up before SQLite's one write lock is asked for: mostly there is nothing to do."""
    with reading() as session:
        ready = select(StepRow.id).where(StepRow.status == StepStatus.READY).limit(1)
        return session.scalars(ready).first() is not None


def withdraw(step_ids: list[str]) -> None:
    """What could not be published, or came to somebody who leaves, is ready again."""
    with writing() as session:
        session.execute(
            update(StepRow)
            .where(StepRow.id.in_(step_ids), StepRow.status == StepStatus.PUBLISHED)
            .values(status=StepStatus.READY, published_at=None)
        )


def _ring(lane: Lane, step_id: str) -> bool:
    try:
        app.send_task(RUN_STEP, args=[step_id], queue=lane.value)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("queue_unavailable", step=step_id, error=str(error))
        return False
    return True


def _publishable(session: Session, lane: Lane) -> list[str]:
    """Mark the lane's next steps published, inside the caller's transaction."""
    moment = now(session)
    window = fleet.slots(session, lane)
    if lane is Lane.INTERACTIVE:
        window *= INTERACTIVE_OVERBOOKING
    in_flight = Counter(
        session.scalars(
            select(StepRow.job_id).where(
                StepRow.lane == lane,
                StepRow.status.in_((StepStatus.PUBLISHED, StepStatus.RUNNING)),
            )
        )
    )
    free = window - in_flight.total()
    if free <= 0:
        return []
    chosen = fair_order(_candidates(session, lane, moment, free), in_flight)[:free]
    marked = session.scalars(
        update(StepRow)
        .where(StepRow.id.in_(chosen), StepRow.status == StepStatus.READY)
        .values(status=StepStatus.PUBLISHED, published_at=moment)
        .returning(StepRow.id)
    )
    ours = set(marked)  # in Postgres somebody may have been faster
    return [step_id for step_id in chosen if step_id in ours]


def _may_begin(moment: float) -> ColumnElement[bool]:
    """Steps whose time has come; retries further ahead than any are of another clock."""
    stray = (StepRow.retries > 0) & (StepRow.not_before > moment + RETRY_DELAYS[-1])
    return (StepRow.not_before <= moment) | stray


def fair_order(candidates: list[Candidate], in_flight: Counter[str]) -> list[str]:
    """Highest priority first; among equals the job with the fewest steps in flight, then age."""
    running = Counter(in_flight)
    waiting = list(candidates)
    ordered: list[str] = []
    while waiting:
        best = min(waiting, key=lambda c: (-c.priority, running[c.job_id], c.created_at))
        waiting.remove(best)
        running[best.job_id] += 1
        ordered.append(best.step_id)
    return ordered


def _candidates(session: Session, lane: Lane, moment: float, free: int) -> list[Candidate]:
    """At most `free` steps of each job: a job with thousands must not hide the others."""
    in_job = func.row_number().over(
        partition_by=StepRow.job_id, order_by=(StepRow.kind, StepRow.ordinal)
    )
    ready = (
        select(
            StepRow.id,
            StepRow.job_id,
            JobRow.priority,
            JobRow.created_at,
            in_job.label("place"),
        )
        .join(JobRow, JobRow.id == StepRow.job_id)
        .where(
            StepRow.status == StepStatus.READY,
            StepRow.lane == lane,
            _may_begin(moment),
            JobRow.status.in_(WANTED),
        )
        .subquery()
    )
    rows = session.execute(
        select(ready.c.id, ready.c.job_id, ready.c.priority, ready.c.created_at)
        .where(ready.c.place <= free)
        .order_by(ready.c.priority.desc(), ready.c.place, ready.c.created_at)
        .limit(CANDIDATES)
    )
    return [Candidate(*row) for row in rows]
