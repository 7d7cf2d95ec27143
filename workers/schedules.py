"""The door to schedules: what is to be asked for again and again, and what came of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest import folder, library, mailboxes
from ingest.database import new_id, now, reading, writing
from ingest.names import one_line
from workers import cron
from workers.errors import BadSchedule, ScheduleNotFound
from workers.localtime import zone
from workers.settings import settings
from workers.tables import ScheduleRow


@dataclass(frozen=True, slots=True)
class Timing:
    """When something is to be done: a cron expression and whose clocks it means."""

    cron: str
    timezone: str = ""  #: that of the settings

    def following(self, moment: float) -> float:
        """The first time after `moment`. Raises BadSchedule, TimezoneUnknown."""
        place = zone(self.timezone or settings().timezone)
        return cron.parse(self.cron).following(moment, place)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something that is asked for again and again."""

    id: str
    name: str
    cron: str
    timezone: str
    what: dict[str, Any]  #: its kind, and what that needs; see `workers.errands`
    owner: str
    active: bool
    created_at: float
    next_run_at: float | None  #: None: not by itself
    running_until: float | None  #: lease of the worker that runs it
    last_run_at: float | None
    last_outcome: dict[str, Any] | None
    last_error: dict[str, Any] | None

    def public(self) -> dict[str, Any]:
        """The schedule as the REST interface shows it."""
        shown = asdict(self)
        shown["running"] = shown.pop("running_until") is not None
        return shown


def create(name: str, timing: Timing, what: dict[str, Any], owner: str = "") -> Schedule:
    """A new schedule.

    Raises BadSchedule, TimezoneUnknown, and what is wrong with what it is about.
    """
    shown = one_line(name)
    if not shown:
        raise BadSchedule(reason="it needs a name")
    if what["kind"] == "watch":
        folder.permitted(what["folder"], settings().watchable)
    if what["kind"] == "mail":
        mailboxes.known(what["mailbox"], settings().mail_addresses)
    with writing() as session:
        moment = now(session)
        _require(session, what)
        row = ScheduleRow(
            id=new_id("sched"),
            name=shown,
            cron=timing.cron,
            timezone=timing.timezone,
            what=what,
            owner=owner,
            active=True,
            created_at=moment,
            next_run_at=timing.following(moment),
        )
        session.add(row)
        session.flush()
        return schedule_of(row)


def listing() -> list[Schedule]:
    """Every schedule, oldest first."""
    with reading() as session:
        ordered = select(ScheduleRow).order_by(ScheduleRow.created_at, ScheduleRow.id)
        return [schedule_of(row) for row in session.scalars(ordered)]


def get(schedule_id: str) -> Schedule:
    """One schedule. Raises ScheduleNotFound."""
    with reading() as session:
        return schedule_of(_row(session, schedule_id))


def set_active(schedule_id: str, active: bool) -> Schedule:
    """Let it rest, or go on. Raises ScheduleNotFound."""
    with writing() as session:
        row = _row(session, schedule_id)
        row.active = active
        row.next_run_at = timing_of(row).following(now(session)) if active else None
        return schedule_of(row)


def run_now(schedule_id: str) -> Schedule:
    """Have a worker run it within seconds, also while it rests. Raises ScheduleNotFound."""
    with writing() as session:
        row = _row(session, schedule_id)
        row.next_run_at = now(session)
        return schedule_of(row)


def delete(schedule_id: str) -> None:
    """Remove a schedule; what it has asked for stays. Raises ScheduleNotFound."""
    with writing() as session:
        session.delete(_row(session, schedule_id))


def schedule_of(row: ScheduleRow) -> Schedule:
    """The value of a row."""
    return Schedule(**{field.name: getattr(row, field.name) for field in fields(Schedule)})


def timing_of(row: ScheduleRow) -> Timing:
    """When it is to be done."""
    return Timing(row.cron, row.timezone)


def _require(session: Session, what: dict[str, Any]) -> None:
    if "document_id" in what:
        library.document(session, what["document_id"])
    else:
        library.collection(session, what["collection_id"])


def _row(session: Session, schedule_id: str) -> ScheduleRow:
    row = session.get(ScheduleRow, schedule_id)
    if row is None:
        raise ScheduleNotFound(id=schedule_id)
    return row
