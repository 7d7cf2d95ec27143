"""Takes in what is new or changed in a folder of this host, file by file.

What was looked into is remembered with its size and time, so that a turn reads nothing twice. A
file is marked last: whatever cuts a turn short, the next one finds it again, and the library knows
content that it has already.
"""

import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ingest import folder, library
from ingest.database import reading, writing
from ingest.errors import DocumentNotFound, FileUnreadable, LecternError, Refused
from ingest.folder import Entry
from ingest.records import Document, Original
from workers import submit, turns
from workers.schedules import Schedule
from workers.settings import settings
from workers.tables import WatchedFileRow
from workers.wishes import Wish

#: A file that changed so lately may still be being written.
QUIET_SECONDS = 10.0
FAILURES_TOLD = 20

Fault = dict[str, str]  #: code and message


@dataclass(slots=True)
class Harvest:
    """What a look into a folder brought."""

    jobs: int = 0  #: readings that were asked for
    added: int = 0
    duplicates: int = 0  #: whose content the collection held already
    waiting: int = 0  #: that were changed a moment ago
    failed: int = 0  #: that lie there and could not be taken in, now or earlier
    failures: list[dict[str, str]] = field(default_factory=list)  #: the first of them

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        return asdict(self)

    def note(self, path: str, fault: Fault) -> None:
        """Count a file that could not be taken in."""
        self.failed += 1
        if len(self.failures) < FAILURES_TOLD:
            self.failures.append({"file": path, **fault})


def look(schedule: Schedule, wish: Wish) -> Harvest:
    """Take in what the folder holds and the schedule has not seen.

    Raises WatchingOff, FolderRefused, FolderMissing, CollectionNotFound, ScheduleNotFound.
    """
    place = folder.permitted(schedule.what["folder"], settings().watchable)
    known, harvest = _known(schedule), Harvest()
    for entry in folder.entries(place):
        seen = known.get(entry.path)
        if seen is not None and (seen.size, seen.changed_at) == (entry.size, entry.changed_at):
            if seen.error:
                harvest.note(entry.path, seen.error)
        elif abs(time.time() - entry.changed_at) < QUIET_SECONDS:
            harvest.waiting += 1
        else:
            _take_in(schedule, wish, entry, harvest)
    return harvest


def _known(schedule: Schedule) -> dict[str, WatchedFileRow]:
    """Files that were looked into, as they were."""
    seen = select(WatchedFileRow).where(WatchedFileRow.schedule_id == schedule.id)
    with reading() as session:
        library.collection(session, schedule.what["collection_id"])
        return {row.path: row for row in session.scalars(seen)}


def _take_in(schedule: Schedule, wish: Wish, entry: Entry, harvest: Harvest) -> None:
    try:
        kept = _kept(schedule, entry)
    except Refused as error:
        harvest.note(entry.path, _fault(error))
        if not isinstance(error, FileUnreadable):  # rights may be given, disks may come back
            _mark(schedule, entry, _fault(error))
        return
    if kept is None:
        harvest.waiting += 1
        return
    document, duplicate = kept
    harvest.duplicates += duplicate
    harvest.added += not duplicate
    with suppress(DocumentNotFound):  # deleted a moment ago
        submit.read_new(document, duplicate, wish)
        harvest.jobs += not duplicate
    _mark(schedule, entry, None)


def _kept(schedule: Schedule, entry: Entry) -> tuple[Document, bool] | None:
    """The file's document and whether it was there already; None if the file still changes."""
    taken = folder.taken(entry, settings().upload_mb * 1024 * 1024)
    if taken is None:
        return None
    intake, kind = taken
    try:
        with writing() as session:
            original = Original(Path(entry.path).name, kind, intake.sha256, intake.size)
            added = library.add(session, schedule.what["collection_id"], original)
            intake.commit()
    finally:
        intake.discard()
    return added


def _mark(schedule: Schedule, entry: Entry, fault: Fault | None) -> None:
    """Remember that the file was looked into, and that we are still at it."""
    with writing() as session:
        turns.hold(session, schedule)
        session.merge(
            WatchedFileRow(
                schedule_id=schedule.id,
                path=entry.path,
                size=entry.size,
                changed_at=entry.changed_at,
                error=fault,
            )
        )


def _fault(error: LecternError) -> Fault:
    return {"code": error.code, "message": str(error)}
