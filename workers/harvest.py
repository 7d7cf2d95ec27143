"""What a look for new documents has brought, and what need not be looked into again."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select

from ingest import library
from ingest.database import reading, writing
from ingest.errors import LecternError
from workers import turns
from workers.schedules import Schedule
from workers.tables import WatchedFileRow

FAILURES_TOLD = 20

Fault = dict[str, str]  #: code and message


@dataclass(slots=True)
class Harvest:
    """What a look into a folder or a mailbox brought."""

    jobs: int = 0  #: readings that were asked for
    added: int = 0
    duplicates: int = 0  #: whose content the collection held already
    waiting: int = 0  #: that were changed a moment ago, or that the next look takes
    failed: int = 0  #: that lie there and could not be taken in, now or earlier
    failures: list[dict[str, str]] = field(default_factory=list)  #: the first of them

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        return asdict(self)

    def note(self, path: str, fault: Fault) -> None:
        """Count what could not be taken in."""
        self.failed += 1
        if len(self.failures) < FAILURES_TOLD:
            self.failures.append({"file": path, **fault})


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that was looked into, as it was."""

    path: str  #: what it is called where it lies
    size: int  #: bytes
    changed_at: float


def seen(schedule: Schedule) -> dict[str, WatchedFileRow]:
    """By path, what this schedule has looked into. Raises CollectionNotFound."""
    rows = select(WatchedFileRow).where(WatchedFileRow.schedule_id == schedule.id)
    with reading() as session:
        library.collection(session, schedule.what["collection_id"])
        return {row.path: row for row in session.scalars(rows)}


def mark(schedule: Schedule, it: Seen, document_id: str | None, fault: Fault | None) -> None:
    """Remember that it was looked into, and that we are still at it."""
    with writing() as session:
        turns.hold(session, schedule)
        session.merge(
            WatchedFileRow(
                schedule_id=schedule.id,
                path=it.path,
                size=it.size,
                changed_at=it.changed_at,
                error=fault,
                document_id=document_id,
            )
        )


def fault_of(error: LecternError) -> Fault:
    """What went wrong, as it is kept and shown."""
    return {"code": error.code, "message": str(error)}
