"""Why a job does not go on, and when it is likely to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ingest.database import now
from workers import fleet, night
from workers.localtime import wall
from workers.states import WANTED, JobStatus, StepStatus, When
from workers.tables import JobRow, StepRow

LATEST_STEPS = 20  #: that tell how fast a lane goes on


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a job has not begun, or pauses."""

    reason: str  #: `no_worker`, `queued` or `night`
    position: int  #: jobs that will begin earlier, plus one
    message: str
    starts_in: float | None = None  #: seconds, if all goes on as lately; None: nobody can tell


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    slots: int
    pace: float | None  #: seconds that a step takes lately


def waiting(session: Session, rows: Sequence[JobRow]) -> Mapping[str, Waiting]:
    """By job, of those that have not begun, and of those that wait for the night."""
    queued = [row for row in rows if row.status == JobStatus.QUEUED]
    names = {row.lane for row in queued}
    lanes = {n: _Lane(n, fleet.slots(session, n), _pace(session, n)) for n in names}
    found = {row.id: _waiting(session, row, lanes[row.lane]) for row in queued}
    return _forsaken(session, rows) | found | _until_night(session, rows)


def _waiting(session: Session, row: JobRow, lane: _Lane) -> Waiting:
    """Each slot that becomes free is for one of them: what runs already stands back."""
    earlier = select(func.count()).where(
        JobRow.status == JobStatus.QUEUED,
        JobRow.lane == lane.name,
        _before(row),
    )
    position = (session.scalar(earlier) or 0) + 1
    if not lane.slots:
        return Waiting("no_worker", position, fleet.absence(session))
    starts_in = None if lane.pace is None else position * lane.pace / lane.slots
    return Waiting("queued", position, f"Number {position} in the {lane.name} lane.", starts_in)


def _forsaken(session: Session, rows: Sequence[JobRow]) -> dict[str, Waiting]:
    """By job, of those that have begun and that nobody is there to go on with."""
    begun = [row for row in rows if row.status == JobStatus.RUNNING]
    lanes = {lane for lane in {row.lane for row in begun} if not fleet.slots(session, lane)}
    ids = {row.id for row in begun if row.lane in lanes}
    if not ids:
        return {}
    held = select(StepRow.job_id).where(
        StepRow.job_id.in_(ids),
        StepRow.status == StepStatus.RUNNING,
        StepRow.lease_until > now(session),
    )
    ids -= set(session.scalars(held))
    message = fleet.absence(session)
    return {id_: Waiting("no_worker", 1, message) for id_ in ids}


def _until_night(session: Session, rows: Sequence[JobRow]) -> dict[str, Waiting]:
    """By job, of those that have nothing left to do before the window opens."""
    waits = {row.id for row in rows if row.when == When.NIGHT and row.status in WANTED}
    if not waits:
        return {}
    moment, window = now(session), night.window()
    opens = window.opening(moment)
    if opens <= moment:
        return {}
    busy = select(StepRow.job_id).where(
        StepRow.job_id.in_(waits),
        StepRow.status.in_((StepStatus.PUBLISHED, StepStatus.RUNNING))
        | ((StepRow.status == StepStatus.READY) & StepRow.kind.in_(night.AT_ONCE)),
    )
    waits -= set(session.scalars(busy))
    at = f"{wall(opens, window.place):%H:%M}"
    return {
        row.id: Waiting("night", _place(session, row), f"Waits until {at}.", opens - moment)
        for row in rows
        if row.id in waits
    }


def _place(session: Session, row: JobRow) -> int:
    """Among those of the night."""
    earlier = select(func.count()).where(
        JobRow.when == When.NIGHT, JobRow.status.in_(WANTED), _before(row)
    )
    return (session.scalar(earlier) or 0) + 1


def _before(row: JobRow) -> ColumnElement[bool]:
    higher, equal = JobRow.priority > row.priority, JobRow.priority == row.priority
    return higher | (equal & (JobRow.created_at < row.created_at))


def _pace(session: Session, lane: str) -> float | None:
    took = (StepRow.finished_at - StepRow.started_at).label("seconds")
    latest = select(took).where(StepRow.lane == lane, StepRow.status == StepStatus.DONE)
    latest = latest.order_by(StepRow.finished_at.desc()).limit(LATEST_STEPS)
    return session.scalar(select(func.avg(latest.subquery().c.seconds)))
