"""Takes in what is new in a mailbox, message by message; attachments become documents by reading.

A message is marked last, as a file of a watched folder is: whatever cuts a turn short, the next
one finds it again, and the library knows content that it has already.
"""

import time
from contextlib import suppress

from ingest import library, mailbox, mailboxes
from ingest.blobs import Intake
from ingest.database import writing
from ingest.errors import DocumentNotFound, Refused
from ingest.mailbox import Letter, Mailbox
from ingest.records import Document, Original
from ingest.sniff import EML
from workers import submit
from workers.harvest import Harvest, Seen, fault_of, mark, seen
from workers.schedules import Schedule
from workers.settings import settings
from workers.wishes import Wish

#: The rest waits for the next turn: a mailbox of years should not hold up the other schedules.
LETTERS_A_TURN = 200


def look(schedule: Schedule, wish: Wish) -> Harvest:
    """Take in what lies in the mailbox and the schedule has not seen.

    Raises MailboxUnknown, MailboxUnavailable, CollectionNotFound, ScheduleNotFound.
    """
    address = mailboxes.known(schedule.what["mailbox"], settings().mail_addresses)
    known, harvest = seen(schedule), Harvest()
    with Mailbox(address) as box:
        for letter in box.letters():
            row = known.get(_path(letter))
            if row is None and harvest.jobs + harvest.failed < LETTERS_A_TURN:
                _take_in(schedule, wish, box, letter, harvest)
            elif row is None:
                harvest.waiting += 1
            elif row.error:
                harvest.note(row.path, row.error)
    return harvest


def _take_in(
    schedule: Schedule, wish: Wish, box: Mailbox, letter: Letter, harvest: Harvest
) -> None:
    path = _path(letter)
    try:
        raw = box.fetch(letter, settings().upload_mb * 1024 * 1024)
        if raw is None:
            return  # deleted a moment ago
        document, duplicate = _kept(schedule, raw)
    except Refused as error:
        harvest.note(path, fault_of(error))
        mark(schedule, Seen(path, 0, time.time()), None, fault_of(error))
        return
    harvest.duplicates += duplicate
    harvest.added += not duplicate
    with suppress(DocumentNotFound):  # deleted a moment ago
        submit.read_new(document, duplicate, wish)
        harvest.jobs += not duplicate
    mark(schedule, Seen(path, len(raw), time.time()), document.id, None)


def _kept(schedule: Schedule, raw: bytes) -> tuple[Document, bool]:
    """The message as a document, and whether the collection had it already."""
    intake = Intake()
    try:
        intake.write(raw)
        intake.seal()
        original = Original(mailbox.subject(raw), EML, intake.sha256, intake.size)
        with writing() as session:
            kept = library.add(session, schedule.what["collection_id"], original)
            intake.commit()
    finally:
        intake.discard()
    return kept


def _path(letter: Letter) -> str:
    return f"{letter.validity}/{letter.number}"
