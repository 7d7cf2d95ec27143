"""Decides what runs next and rings for it, never more than the fleet has slots for.

Called on submit, at every step's end and by each worker's tick. Queues stay short, so priority,
"to the front" and cancelling are exact: what has not been published can still be reordered.
"""

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, Select, Subquery, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from ingest.database import now, reading, writing
from workers import fleet, night
from workers.app import RUN_STEP, app
from workers.states import WANTED, Lane, StepStatus, When
from workers.steps import RETRY_DELAYS
from workers.tables import JobRow, StepRow

#: An interactive step beyond the engine's slots may wait in a worker thread: it costs nothing.
INTERACTIVE_OVERBOOKING = 2

log = structlog.get_logger()


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
        ready = select(StepRow.id).join(JobRow, JobRow.id == StepRow.job_id)
        return session.scalars(ready.where(*_ready(now(session))).limit(1)).first() is not None


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
    free = window - (session.scalar(select(func.count()).where(*_in_flight(lane))) or 0)
    if free <= 0:
        return []
    chosen = list(session.scalars(_fair_order(lane, moment).limit(free)))
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


def _in_flight(lane: Lane) -> tuple[ColumnElement[bool], ...]:
    taken = (StepStatus.PUBLISHED, StepStatus.RUNNING)
    return StepRow.lane == lane, StepRow.status.in_(taken)


def _ready(moment: float) -> tuple[ColumnElement[bool], ...]:
    """Of a step and its job: what must hold before it is handed out."""
    open_to = (When.NOW, When.NIGHT) if night.window().open(moment) else (When.NOW,)
    return (
        StepRow.status == StepStatus.READY,
        _may_begin(moment),
        JobRow.status.in_(WANTED),
        JobRow.when.in_(open_to) | StepRow.kind.in_(night.AT_ONCE),
    )


def _fair_order(lane: Lane, moment: float) -> Select[str]:
    """Steps that may be handed out, the next one first.

    The highest priority first; among equals the owner with the fewest steps in flight, then the
    job with the fewest, then age. A step's turn is how many of its job, or of its owner, would be
    in flight with it if all those before it of the same were: to sort by turns is to choose one
    after the other by who has the fewest. So nobody's thousands hide anybody's one.
    """
    of_job, of_owner = _steps_in_flight(lane, StepRow.job_id), _steps_in_flight(lane, JobRow.owner)
    in_job = func.row_number().over(
        partition_by=StepRow.job_id, order_by=(StepRow.kind, StepRow.ordinal)
    )
    ready = (
        select(
            StepRow.id,
            JobRow.owner,
            JobRow.priority,
            JobRow.created_at,
            (in_job + func.coalesce(of_job.c.steps, 0)).label("job_turn"),
        )
        .join(JobRow, JobRow.id == StepRow.job_id)
        .outerjoin(of_job, of_job.c.whose == StepRow.job_id)
        .where(StepRow.lane == lane, *_ready(moment))
        .subquery()
    )
    first = ready.c.priority.desc()
    age = ready.c.created_at, ready.c.id
    in_owner = func.row_number().over(
        partition_by=ready.c.owner, order_by=(first, ready.c.job_turn, *age)
    )
    owner_turn = in_owner + func.coalesce(of_owner.c.steps, 0)
    return (
        select(ready.c.id)
        .outerjoin(of_owner, of_owner.c.whose == ready.c.owner)
        .order_by(first, owner_turn, ready.c.job_turn, *age)
    )


def _steps_in_flight(lane: Lane, whose: InstrumentedAttribute[str]) -> Subquery:
    """How many steps of each job, or of each owner, somebody works on or is about to."""
    return (
        select(whose.label("whose"), func.count().label("steps"))
        .select_from(StepRow)
        .join(JobRow, JobRow.id == StepRow.job_id)
        .where(*_in_flight(lane))
        .group_by(whose)
        .subquery()
    )
