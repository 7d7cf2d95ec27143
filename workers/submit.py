"""The door for others: what may be asked of the workers. SQL first, then the doorbell.

A dead broker loses nothing: the job stands in the database and the next tick publishes it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ingest import library
from ingest.database import new_id, now, reading, writing
from ingest.errors import CollectionNotFound, DocumentNotFound
from ingest.records import Document
from ingest.tables import CollectionRow, DocumentRow, DocumentStatus
from workers import dispatcher
from workers.conversations import open_turn
from workers.errors import DigestImpossible, DocumentNotReady
from workers.extraction.schema import fields_of
from workers.jobs import Job, JobFilter, listing, request_cancel
from workers.states import TERMINAL, JobKind, JobStatus, Lane, StepStatus
from workers.styles import AS_USUAL, Form
from workers.tables import JobDocumentRow, JobRow, StepRow
from workers.wishes import PLAIN, Wish

#: Where each kind of job begins; its later steps are decided in `workers.kinds`.
FIRST_STEP = {
    JobKind.READ: "parse",
    JobKind.SUMMARY: "outline",
    JobKind.DIGEST: "outline",
    JobKind.EXTRACT: "outline",
    JobKind.ESTIMATE: "estimate",
    JobKind.QUESTION: "retrieve",
    JobKind.SEARCH: "search",
    JobKind.DELETE: "erase",
}
INTERACTIVE = frozenset({JobKind.QUESTION, JobKind.SEARCH, JobKind.ESTIMATE})
MOST_DOCUMENTS = 200  #: that one job may be about
NOTHING_DONE = {"percent": 0, "done": 0, "total": 0, "stage": "queued"}


def read(document_id: str, wish: Wish = PLAIN) -> Job:
    """Read a stored document: parse, chunk, embed, index."""
    with writing() as session:
        document = _document(session, document_id)
        row = _add(session, JobKind.READ, document.collection_id, {}, document_id)
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def read_new(document: Document, duplicate: bool, wish: Wish = PLAIN) -> Job | None:
    """The job that reads a file that has come in: a new one unless there is one already."""
    if not duplicate:
        return read(document.id, wish)
    found = listing(JobFilter(kind=JobKind.READ, document_id=document.id, limit=1))
    if not found and document.status == DocumentStatus.WAITING:
        return read(document.id, wish)  # who kept it died before asking
    return found[0] if found else None


def summary(document_id: str, form: Form = AS_USUAL, wish: Wish = PLAIN) -> Job:
    """Summarise a whole document that has been read."""
    return _of_documents(JobKind.SUMMARY, [document_id], {"form": asdict(form)}, wish)


def extract(
    document_ids: Sequence[str],
    schema: dict[str, Any],
    instruction: str = "",
    wish: Wish = PLAIN,
    *,
    dry_run: bool = False,
) -> Job:
    """Take what the schema asks for out of each of the documents, which have been read.

    With `dry_run` only find out what that would take; a person waits for it. Raises BadSchema.
    """
    fields_of(schema)
    params = {"schema": schema, "instruction": instruction}
    if not dry_run:
        return _of_documents(JobKind.EXTRACT, document_ids, params, wish)
    params["of"] = JobKind.EXTRACT
    return _of_documents(JobKind.ESTIMATE, document_ids, params, wish)


def estimate(document_id: str, form: Form = AS_USUAL, wish: Wish = PLAIN) -> Job:
    """Find out what a summary of the document would take; a person waits for it."""
    return _of_documents(JobKind.ESTIMATE, [document_id], {"form": asdict(form)}, wish)


def digest(document_ids: Sequence[str], form: Form = AS_USUAL, wish: Wish = PLAIN) -> Job:
    """Summarise several documents, and all of them together."""
    return _of_documents(JobKind.DIGEST, document_ids, {"form": asdict(form)}, wish)


def collection_digest(collection_id: str, form: Form = AS_USUAL, wish: Wish = PLAIN) -> Job:
    """The same of all documents that a collection holds, as far as they have been read.

    Raises CollectionNotFound, DigestImpossible.
    """
    with reading() as session:
        _collection(session, collection_id)
        query = select(DocumentRow.id).where(
            DocumentRow.collection_id == collection_id, DocumentRow.status == DocumentStatus.READY
        )
        order = DocumentRow.created_at, DocumentRow.id
        found = list(session.scalars(query.order_by(*order).limit(MOST_DOCUMENTS + 1)))
    if not 2 <= len(found) <= MOST_DOCUMENTS:
        raise DigestImpossible(count=len(found), most=MOST_DOCUMENTS)
    return digest(found, form, wish)


def _of_documents(
    kind: JobKind, document_ids: Sequence[str], params: dict[str, Any], wish: Wish
) -> Job:
    """A job about whole documents that have been read, in the order given.

    `params["versions"]` says which: what comes in meanwhile is not part of it.
    """
    with writing() as session:
        rows = [_readable(session, document_id) for document_id in dict.fromkeys(document_ids)]
        collections, alone = {row.collection_id for row in rows}, len(rows) == 1
        versions = [[row.id, row.current_version_id] for row in rows]
        row = _add(
            session,
            kind,
            collections.pop() if len(collections) == 1 else None,
            {**params, "versions": versions},
            rows[0].id if alone else None,
        )
        if not alone:
            session.add_all(JobDocumentRow(job_id=row.id, document_id=each.id) for each in rows)
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def question(
    collection_id: str,
    question: str,
    conversation_id: str | None,
    document_id: str | None = None,
    wish: Wish = PLAIN,
) -> Job:
    """Answer a question from a collection, or from one document of it that has been read.

    Without a conversation a new one is begun.
    """
    with writing() as session:
        _collection(session, collection_id)
        if document_id is not None:
            _readable(session, document_id, collection_id)
        given = {"question": question}
        row = _add(session, JobKind.QUESTION, collection_id, given, document_id)
        conversation = open_turn(session, row.id, collection_id, question, conversation_id)
        row.params = {"question": question, "conversation_id": conversation}
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def search(collection_id: str, query: str, limit: int, wish: Wish = PLAIN) -> Job:
    """Find passages, without an answer."""
    with writing() as session:
        _collection(session, collection_id)
        row = _add(session, JobKind.SEARCH, collection_id, {"query": query, "limit": limit})
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def delete_document(document_id: str, wish: Wish = PLAIN) -> Job:
    """Hide a document at once, stop what works on it, and remove every trace of it."""
    with writing() as session:
        document = _document(session, document_id)
        library.hide_document(session, document_id)
        _cancel_jobs(session, _drawing_on([document_id]))
        params = {"document_ids": [document_id], "collection": False}
        job = wish.grant(_add(session, JobKind.DELETE, document.collection_id, params))
    dispatcher.dispatch()
    return job


def delete_collection(collection_id: str, wish: Wish = PLAIN) -> Job:
    """Hide a collection at once and remove it with all its documents."""
    with writing() as session:
        ids = library.hide_collection(session, collection_id)
        _cancel_jobs(session, _drawing_on(ids) | (JobRow.collection_id == collection_id))
        params = {"document_ids": ids, "collection": True}
        job = wish.grant(_add(session, JobKind.DELETE, collection_id, params))
    dispatcher.dispatch()
    return job


def _add(
    session: Session,
    kind: JobKind,
    collection_id: str | None,
    params: dict[str, Any],
    document_id: str | None = None,
) -> JobRow:
    moment = now(session)
    lane = Lane.INTERACTIVE if kind in INTERACTIVE else Lane.BATCH
    row = JobRow(
        id=new_id("job"),
        kind=kind,
        status=JobStatus.QUEUED,
        lane=lane,
        priority=0,
        collection_id=collection_id,
        document_id=document_id,
        params=params,
        progress=NOTHING_DONE,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    session.add(new_step(row, FIRST_STEP[kind], 0, {}, moment))
    if document_id:
        session.add(JobDocumentRow(job_id=row.id, document_id=document_id))
    return row


def new_step(job: JobRow, kind: str, ordinal: int, given: dict[str, Any], moment: float) -> StepRow:
    """A step of `job` that may be published at once."""
    return StepRow(
        id=new_id("step"),
        job_id=job.id,
        kind=kind,
        ordinal=ordinal,
        lane=job.lane,
        status=StepStatus.READY,
        input=given,
        created_at=moment,
    )


def _document(session: Session, document_id: str) -> DocumentRow:
    row = session.get(DocumentRow, document_id)
    if row is None or row.status == DocumentStatus.DELETING:
        raise DocumentNotFound(id=document_id)
    return row


def _readable(session: Session, document_id: str, collection_id: str | None = None) -> DocumentRow:
    """A document that has been read; in another collection than the given one it is not there."""
    row = _document(session, document_id)
    if collection_id not in (None, row.collection_id):
        raise DocumentNotFound(id=document_id)
    if row.status != DocumentStatus.READY:
        raise DocumentNotReady(status=row.status)
    return row


def _collection(session: Session, collection_id: str) -> CollectionRow:
    row = session.get(CollectionRow, collection_id)
    if row is None or row.deleting:
        raise CollectionNotFound(id=collection_id)
    return row


def _drawing_on(document_ids: list[str]) -> ColumnElement[bool]:
    drew = select(JobDocumentRow.job_id).where(JobDocumentRow.document_id.in_(document_ids))
    return JobRow.id.in_(drew)


def _cancel_jobs(session: Session, concerned: ColumnElement[bool]) -> None:
    open_jobs = select(JobRow).where(
        concerned, JobRow.status.not_in(TERMINAL), JobRow.kind != JobKind.DELETE
    )
    for row in session.scalars(open_jobs.with_for_update()).all():
        request_cancel(session, row)
