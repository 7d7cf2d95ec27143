"""Why a job has not begun, and when it is likely to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workers import fleet
from workers.states import JobStatus, StepStatus
from workers.tables import JobRow, StepRow

LATEST_STEPS = 20  #: that tell how fast a lane goes on


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a queued job has not begun."""

    reason: str  #: `no_worker` or `queued`
    position: int  #: jobs that will begin earlier, plus one
    message: str
    starts_in: float | None = None  #: seconds, if all goes on as lately; None: nobody can tell


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    slots: int
    pace: float | None  #: seconds that a step takes lately


def waiting(session: Session, rows: Sequence[JobRow]) -> Mapping[str, Waiting]:
    """By job, of those that have not begun."""
    queued = [row for row in rows if row.status == JobStatus.QUEUED]
    names = {row.lane for row in queued}
    lanes = {n: _Lane(n, fleet.slots(session, n), _pace(session, n)) for n in names}
    return {row.id: _waiting(session, row, lanes[row.lane]) for row in queued}


def _waiting(session: Session, row: JobRow, lane: _Lane) -> Waiting:
    """Each slot that becomes free is for one of them: what runs already stands back."""
    earlier = select(func.count()).where(
        JobRow.status == JobStatus.QUEUED,
        JobRow.lane == lane.name,
        (JobRow.priority > row.priority)
        | ((JobRow.priority == row.priority) & (JobRow.created_at < row.created_at)),
    )
    position = (session.scalar(earlier) or 0) + 1
    if not lane.slots:
        return Waiting("no_worker", position, fleet.absence(session))
    starts_in = None if lane.pace is None else position * lane.pace / lane.slots
    return Waiting("queued", position, f"Number {position} in the {lane.name} lane.", starts_in)


def _pace(session: Session, lane: str) -> float | None:
    took = (StepRow.finished_at - StepRow.started_at).label("seconds")
    latest = select(took).where(StepRow.lane == lane, StepRow.status == StepStatus.DONE)
    latest = latest.order_by(StepRow.finished_at.desc()).limit(LATEST_STEPS)
    return session.scalar(select(func.avg(latest.subquery().c.seconds)))
