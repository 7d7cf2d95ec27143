"""Takes in what is new or changed in a folder of this host, file by file.

A file that has changed becomes a new version of its document.
What was looked into is remembered with its size and time, so that a turn reads nothing twice. A
file is marked last: whatever cuts a turn short, the next one finds it again, and the library knows
content that it has already.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from ingest import folder, library, versions
from ingest.database import writing
from ingest.errors import (
    DocumentNotFound,
    FileUnreadable,
    Refused,
    StillBeingRead,
    VersionTypeDiffers,
)
from ingest.folder import Entry
from ingest.records import Document, Original, Version
from workers import submit
from workers.harvest import Harvest, Seen, fault_of, mark, seen
from workers.schedules import Schedule
from workers.settings import settings
from workers.wishes import Wish

#: A file that changed so lately may still be being written.
QUIET_SECONDS = 10.0


def look(schedule: Schedule, wish: Wish) -> Harvest:
    """Take in what the folder holds and the schedule has not seen.

    Raises WatchingOff, FolderRefused, FolderMissing, CollectionNotFound, ScheduleNotFound.
    """
    place = folder.permitted(schedule.what["folder"], settings().watchable)
    known, harvest = seen(schedule), Harvest()
    for entry in folder.entries(place):
        row = known.get(entry.path)
        if row is not None and (row.size, row.changed_at) == (entry.size, entry.changed_at):
            if row.error:
                harvest.note(entry.path, row.error)
        elif abs(time.time() - entry.changed_at) < QUIET_SECONDS:
            harvest.waiting += 1
        else:
            _take_in(schedule, wish, entry, row.document_id if row else None, harvest)
    return harvest


def _take_in(
    schedule: Schedule, wish: Wish, entry: Entry, document_id: str | None, harvest: Harvest
) -> None:
    """`document_id`: what the file was when it was last looked into."""
    try:
        kept = _kept(schedule, entry, document_id)
    except StillBeingRead:
        kept = None
    except Refused as error:
        harvest.note(entry.path, fault_of(error))
        if not isinstance(error, FileUnreadable):  # rights may be given, disks may come back
            mark(schedule, _seen(entry), document_id, fault_of(error))
        return
    if kept is None:
        harvest.waiting += 1
        return
    harvest.duplicates += kept.duplicate
    harvest.added += not kept.duplicate
    with suppress(DocumentNotFound):  # deleted a moment ago
        kept.ask(wish)
        harvest.jobs += not kept.duplicate
    mark(schedule, _seen(entry), kept.document.id, None)


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


def _seen(entry: Entry) -> Seen:
    return Seen(entry.path, entry.size, entry.changed_at)
