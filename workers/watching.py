"""Takes in what is new or changed in a folder of this host, file by file.

A file that has changed becomes a new version of its document.
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
from sqlalchemy.orm import Session

from ingest import folder, library, versions
from ingest.database import reading, writing
from ingest.errors import (
    DocumentNotFound,
    FileUnreadable,
    LecternError,
    Refused,
    StillBeingRead,
    VersionTypeDiffers,
)
from ingest.folder import Entry
from ingest.records import Document, Original, Version
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
            _take_in(schedule, wish, entry, seen.document_id if seen else None, harvest)
    return harvest


def _known(schedule: Schedule) -> dict[str, WatchedFileRow]:
    """Files that were looked into, as they were."""
    seen = select(WatchedFileRow).where(WatchedFileRow.schedule_id == schedule.id)
    with reading() as session:
        library.collection(session, schedule.what["collection_id"])
        return {row.path: row for row in session.scalars(seen)}


def _take_in(
    schedule: Schedule, wish: Wish, entry: Entry, document_id: str | None, harvest: Harvest
) -> None:
    """`document_id`: what the file was when it was last looked into."""
    try:
        kept = _kept(schedule, entry, document_id)
    except StillBeingRead:
        kept = None
    except Refused as error:
        harvest.note(entry.path, _fault(error))
        if not isinstance(error, FileUnreadable):  # rights may be given, disks may come back
            _mark(schedule, entry, document_id, _fault(error))
        return
    if kept is None:
        harvest.waiting += 1
        return
    harvest.duplicates += kept.duplicate
    harvest.added += not kept.duplicate
    with suppress(DocumentNotFound):  # deleted a moment ago
        kept.ask(wish)
        harvest.jobs += not kept.duplicate
    _mark(schedule, entry, kept.document.id, None)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a file has become."""

    document: Document
    duplicate: bool  #: the library had it already
    version: Version | None = None  #: of a document that was there before

    def ask(self, wish: Wish) -> None:
        """Let it be read, if it is new. Raises DocumentNotFound."""
        if self.version is None:
            submit.read_new(self.document, self.duplicate, wish)
        else:
            submit.read_version(self.document.id, self.version, self.duplicate, wish)


def _kept(schedule: Schedule, entry: Entry, document_id: str | None) -> _Kept | None:
    """Keep the file's content; None if the file still changes.

    Raises Refused, and StillBeingRead when its last content is.
    """
    taken = folder.taken(entry, settings().upload_mb * 1024 * 1024)
    if taken is None:
        return None
    intake, kind = taken
    try:
        with writing() as session:
            original = Original(Path(entry.path).name, kind, intake.sha256, intake.size)
            kept = _version(session, document_id, original) if document_id else None
            if kept is None:
                collection = schedule.what["collection_id"]
                kept = _Kept(*library.add(session, collection, original))
            intake.commit()
    finally:
        intake.discard()
    return kept


def _version(session: Session, document_id: str, original: Original) -> _Kept | None:
    """The file as a version of its document; None where that is gone or of another kind."""
    try:
        version, duplicate = versions.add(session, document_id, original)
    except (DocumentNotFound, VersionTypeDiffers):
        return None
    return _Kept(library.document(session, document_id), duplicate, version)


def _mark(schedule: Schedule, entry: Entry, document_id: str | None, fault: Fault | None) -> None:
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
                document_id=document_id,
            )
        )


def _fault(error: LecternError) -> Fault:
    return {"code": error.code, "message": str(error)}
