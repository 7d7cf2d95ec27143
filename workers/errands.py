"""What schedules ask for, by kind. Each may begin anew without doing anything twice."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest import library
from ingest.database import reading
from ingest.errors import DocumentNotFound, LecternError
from ingest.records import Document
from ingest.tables import DocumentStatus
from workers import jobs, letters, submit, turns, watching
from workers.errors import DocumentNotReady, ScheduleNotFound
from workers.jobs import JobFilter
from workers.schedules import Schedule
from workers.states import JobKind, JobStatus, When
from workers.styles import AS_USUAL, Form
from workers.tables import JobRow
from workers.wishes import Wish

log = structlog.get_logger()

#: Jobs that need not be asked for again.
STANDING = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED)


def run_due() -> bool:
    """Run one schedule that is due; returns whether there was one."""
    schedule = turns.take()
    if schedule is None:
        return False
    outcome: dict[str, Any] = {}
    try:
        outcome, error = ERRANDS[schedule.what["kind"]](schedule), None
    except ScheduleNotFound:
        return True  # it was removed while it ran
    except LecternError as fault:
        log.warning("schedule_failed", schedule=schedule.id, code=fault.code, error=str(fault))
        error = fault
    turns.settle(schedule, outcome, error)
    return True


def summary(schedule: Schedule) -> dict[str, Any]:
    """Summarise one document."""
    document_id = schedule.what["document_id"]
    latest = jobs.listing(JobFilter(kind=JobKind.SUMMARY, document_id=document_id, limit=1))
    if latest and latest[0].created_at >= (schedule.last_run_at or 0.0):
        return {"jobs": 0}  # this very run has asked for it, and was cut short
    submit.summary(document_id, _form(schedule), _wish(schedule))
    return {"jobs": 1}


def summaries(schedule: Schedule) -> dict[str, Any]:
    """Summarise every document of a collection whose current version has no summary yet."""
    collection_id = schedule.what["collection_id"]
    with reading() as session:
        documents = library.documents(session, collection_id)
        there = _summarised(session, collection_id)
    lacking = [document for document in documents if _lacks(document, there)]
    asked = 0
    for document in lacking:
        with suppress(DocumentNotFound, DocumentNotReady):  # deleted a moment ago
            submit.summary(document.id, _form(schedule), _wish(schedule))
            asked += 1
    return {"jobs": asked}


def watch(schedule: Schedule) -> dict[str, Any]:
    """Add what is new or changed in a folder, and have it read."""
    return watching.look(schedule, _wish(schedule)).public()


def mail(schedule: Schedule) -> dict[str, Any]:
    """Add what is new in a mailbox, and have it read."""
    return letters.look(schedule, _wish(schedule)).public()


ERRANDS: dict[str, Callable[[Schedule], dict[str, Any]]] = {
    "summary": summary,
    "summaries": summaries,
    "watch": watch,
    "mail": mail,
}


def _form(schedule: Schedule) -> Form:
    """How the summaries are wanted, as far as it was said."""
    return Form.of({**asdict(AS_USUAL), **schedule.what})


def _wish(schedule: Schedule) -> Wish:
    what = schedule.what
    return Wish(what.get("priority", 0), schedule.owner, When(what.get("when", When.NOW)))


def _summarised(session: Session, collection_id: str) -> set[tuple[str, str]]:
    """Documents and versions that have a summary, or one on its way."""
    made = select(JobRow.params).where(
        JobRow.kind == JobKind.SUMMARY,
        JobRow.collection_id == collection_id,
        JobRow.status.in_(STANDING),
    )
    return {
        (document_id, version_id)
        for given in session.scalars(made)
        for document_id, version_id in given.get("versions", ())
    }


def _lacks(document: Document, there: set[tuple[str, str]]) -> bool:
    version = document.version
    if document.status is not DocumentStatus.READY or version is None:
        return False
    return (document.id, version.id) not in there
