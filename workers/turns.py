"""Who runs a schedule that is due: taken in one transaction, each time once, under a lease.

Every worker looks every few seconds; there is no process that alone must be there. A run whose
lease ran out was cut short, and is taken up again.
"""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ingest.database import now, reading, writing
from ingest.errors import LecternError, NotFound
from workers.errors import ScheduleNotFound
from workers.schedules import Schedule, schedule_of, timing_of
from workers.tables import ScheduleRow

LEASE_SECONDS = 300.0


def take() -> Schedule | None:
    """A schedule that is due, now held by this worker; None when there is none."""
    with reading() as session:  # SQLite's one write lock is not asked for without need
        if session.scalars(select(ScheduleRow.id).where(_due(now(session)))).first() is None:
            return None
    with writing() as session:
        moment = now(session)
        due = select(ScheduleRow).where(_due(moment)).order_by(ScheduleRow.next_run_at).limit(1)
        # In Postgres two workers look at once: one gets the row, the other none.
        row = session.scalars(due.with_for_update(skip_locked=True)).first()
        if row is None:
            return None
        if row.running_until is None:
            row.last_run_at = moment
            row.next_run_at = timing_of(row).following(moment) if row.active else None
        row.running_until = moment + LEASE_SECONDS
        return schedule_of(row)


def hold(session: Session, schedule: Schedule) -> None:
    """Extend the lease of a run. Raises ScheduleNotFound once the schedule was removed."""
    row = session.get(ScheduleRow, schedule.id, with_for_update=True)
    if row is None:
        raise ScheduleNotFound(id=schedule.id)
    row.running_until = now(session) + LEASE_SECONDS


def settle(schedule: Schedule, outcome: dict[str, object], error: LecternError | None) -> None:
    """Note what a run came to, and let go of it."""
    with writing() as session:
        row = session.get(ScheduleRow, schedule.id, with_for_update=True)
        if row is None:
            return
        row.running_until, row.last_outcome = None, outcome
        row.last_error = {"code": error.code, "message": str(error)} if error else None
        if isinstance(error, NotFound):  # what it is about is gone for good
            row.active, row.next_run_at = False, None


def _due(moment: float) -> ColumnElement[bool]:
    """Its time has come and nobody runs it, or whoever did is gone."""
    free, lapsed = ScheduleRow.running_until.is_(None), ScheduleRow.running_until <= moment
    return or_(free & (ScheduleRow.next_run_at <= moment), lapsed)
