"""The door for others: what may be asked of the workers. SQL first, then the doorbell.

A dead broker loses nothing: the job stands in the database and the next tick publishes it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ingest import embeddings, library
from ingest.database import reading, writing
from ingest.passages import Scope
from ingest.records import Document, Version
from ingest.tables import DocumentRow, DocumentStatus
from workers import dispatcher, subjects
from workers.conversations import open_turn
from workers.errors import DigestImpossible
from workers.extraction.schema import fields_of
from workers.jobs import Job, JobFilter, job_of, listing, request_cancel
from workers.openings import add_job
from workers.states import TERMINAL, WANTED, JobKind
from workers.styles import AS_USUAL, Form
from workers.tables import JobDocumentRow, JobRow
from workers.wishes import PLAIN, Wish

MOST_DOCUMENTS = 200  #: that one job may be about


def read(
    document_id: str, version_id: str | None = None, wish: Wish = PLAIN, *, inside: bool = False
) -> Job:
    """Read a stored document, or a version that takes its place: parse, chunk, embed, index.

    What came from `inside` another document is not unpacked once more.
    """
    with writing() as session:
        document = subjects.document(session, document_id)
        new = version_id not in (None, document.current_version_id)
        given: dict[str, Any] = {"version_id": version_id} if new else {}
        if inside:
            given["inside"] = True
        row = add_job(session, JobKind.READ, document.collection_id, given, document_id)
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def read_new(
    document: Document, duplicate: bool, wish: Wish = PLAIN, *, inside: bool = False
) -> Job | None:
    """The job that reads a file that has come in: a new one unless there is one already."""
    if not duplicate:
        return read(document.id, wish=wish, inside=inside)
    found = listing(JobFilter(kind=JobKind.READ, document_id=document.id, limit=1))
    if not found and document.status == DocumentStatus.WAITING:
        return read(document.id, wish=wish, inside=inside)  # who kept it died before asking
    return found[0] if found else None


def read_version(document_id: str, version: Version, duplicate: bool, wish: Wish = PLAIN) -> Job:
    """The job that reads a version that has come in: a new one unless there is one already."""
    if duplicate:
        for job in listing(JobFilter(kind=JobKind.READ, document_id=document_id)):
            if job.params.get("version_id", version.id) == version.id:
                return job
    return read(document_id, version.id, wish)


def summary(
    document_id: str, form: Form = AS_USUAL, wish: Wish = PLAIN, *, dry_run: bool = False
) -> Job:
    """Summarise a whole document that has been read."""
    params = {"form": asdict(form)}
    return _asked(JobKind.SUMMARY, [(document_id, None)], params, wish, dry_run=dry_run)


def digest(
    document_ids: Sequence[str],
    form: Form = AS_USUAL,
    wish: Wish = PLAIN,
    *,
    dry_run: bool = False,
) -> Job:
    """Summarise several documents, and all of them together."""
    documents = [(document_id, None) for document_id in document_ids]
    return _asked(JobKind.DIGEST, documents, {"form": asdict(form)}, wish, dry_run=dry_run)


def documents_of(collection_id: str) -> list[str]:
    """The documents of a collection that have been read, for a digest of them, oldest first.

    Raises CollectionNotFound, DigestImpossible.
    """
    with reading() as session:
        subjects.collection(session, collection_id)
        query = select(DocumentRow.id).where(
            DocumentRow.collection_id == collection_id, DocumentRow.status == DocumentStatus.READY
        )
        order = DocumentRow.created_at, DocumentRow.id
        found = list(session.scalars(query.order_by(*order).limit(MOST_DOCUMENTS + 1)))
    if not 2 <= len(found) <= MOST_DOCUMENTS:
        raise DigestImpossible(count=len(found), most=MOST_DOCUMENTS)
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared: documents, each in a version or, without one, as it is now."""

    documents: Sequence[tuple[str, str | None]]
    focus: str | None = None  #: a subject: what does not concern it is left out
    language: str | None = None  #: of the overview; None: the documents' own


def compare(wanted: Compared, wish: Wish = PLAIN, *, dry_run: bool = False) -> Job:
    """Find out what documents or versions say alike, what otherwise, and what only one says."""
    params = {"focus": wanted.focus, "language": wanted.language}
    return _asked(JobKind.COMPARE, wanted.documents, params, wish, dry_run=dry_run)


def extract(
    document_ids: Sequence[str],
    schema: dict[str, Any],
    instruction: str = "",
    wish: Wish = PLAIN,
    *,
    dry_run: bool = False,
) -> Job:
    """Take what the JSON schema asks for out of each of the documents. Raises BadSchema."""
    fields_of(schema)
    documents = [(document_id, None) for document_id in dict.fromkeys(document_ids)]
    params = {"schema": schema, "instruction": instruction}
    return _asked(JobKind.EXTRACT, documents, params, wish, dry_run=dry_run)


def _asked(
    kind: JobKind,
    documents: Sequence[tuple[str, str | None]],
    params: dict[str, Any],
    wish: Wish,
    *,
    dry_run: bool,
) -> Job:
    """The job, or with `dry_run` one that finds out what it would take; a person waits for that."""
    if dry_run:
        return _of_documents(JobKind.ESTIMATE, documents, {**params, "of": kind}, wish)
    return _of_documents(kind, documents, params, wish)


def _of_documents(
    kind: JobKind,
    documents: Sequence[tuple[str, str | None]],
    params: dict[str, Any],
    wish: Wish,
) -> Job:
    """A job about whole documents that have been read, in the order given.

    `params["versions"]` says which: the given ones, else the current ones. What comes in
    meanwhile is not part of it.
    """
    with writing() as session:
        rows = [subjects.readable(session, document_id) for document_id, _ in documents]
        collections, ids = {row.collection_id for row in rows}, {row.id for row in rows}
        versions = [
            [row.id, subjects.version(session, row, version_id)]
            for row, (_, version_id) in zip(rows, documents, strict=True)
        ]
        row = add_job(
            session,
            kind,
            collections.pop() if len(collections) == 1 else None,
            {**params, "versions": versions},
            rows[0].id if len(ids) == 1 else None,
        )
        if len(ids) > 1:
            session.add_all(JobDocumentRow(job_id=row.id, document_id=each) for each in ids)
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def question(
    scope: Scope,
    question: str,
    conversation_id: str | None,
    wish: Wish = PLAIN,
    *,
    follows: str | None = None,
) -> Job:
    """Answer a question from a collection, or from one document of it that has been read.

    Without a conversation a new one is begun. `follows` is the job of the turn before it, where
    that is not the conversation's latest.
    """
    with writing() as session:
        subjects.collection(session, scope.collection_id)
        if scope.document_id is not None:
            subjects.readable(session, scope.document_id, scope.collection_id)
        given = {"question": question}
        row = add_job(session, JobKind.QUESTION, scope.collection_id, given, scope.document_id)
        conversation = open_turn(session, row.id, scope.collection_id, question, conversation_id)
        row.params = {
            "question": question,
            "conversation_id": conversation,
            "filter": scope.only.public(),
            **({"follows": follows} if follows else {}),
        }
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def search(scope: Scope, query: str, limit: int, wish: Wish = PLAIN) -> Job:
    """Find passages of a collection, without an answer."""
    with writing() as session:
        subjects.collection(session, scope.collection_id)
        given = {"query": query, "limit": limit, "filter": scope.only.public()}
        row = add_job(session, JobKind.SEARCH, scope.collection_id, given)
        job = wish.grant(row)
    dispatcher.dispatch()
    return job


def reindex(collection_id: str, wish: Wish = PLAIN, *, dry_run: bool = False) -> Job:
    """Make the vectors of a collection anew by the embedder that is set, or its index from those
    that are there; the old ones serve until the new ones are complete.

    One that is on its way is not begun twice.
    """
    with writing() as session:
        subjects.collection(session, collection_id)
        embeddings.hold(session, collection_id)
        open_one = select(JobRow).where(
            JobRow.kind == JobKind.REINDEX,
            JobRow.collection_id == collection_id,
            JobRow.status.in_(WANTED),
        )
        if not dry_run and (found := session.scalars(open_one).first()):
            return job_of(found)
        kind, given = JobKind.REINDEX, {}
        if dry_run:
            kind, given = JobKind.ESTIMATE, {"of": JobKind.REINDEX}
        job = wish.grant(add_job(session, kind, collection_id, given))
    dispatcher.dispatch()
    return job


def delete_document(document_id: str, wish: Wish = PLAIN) -> Job:
    """Hide a document at once, stop what works on it, and remove every trace of it."""
    with writing() as session:
        document = subjects.document(session, document_id)
        library.hide_document(session, document_id)
        _cancel_jobs(session, _drawing_on([document_id]))
        params = {"document_ids": [document_id], "collection": False}
        job = wish.grant(add_job(session, JobKind.DELETE, document.collection_id, params))
    dispatcher.dispatch()
    return job


def delete_collection(collection_id: str, wish: Wish = PLAIN) -> Job:
    """Hide a collection at once and remove it with all its documents."""
    with writing() as session:
        ids = library.hide_collection(session, collection_id)
        _cancel_jobs(session, _drawing_on(ids) | (JobRow.collection_id == collection_id))
        params = {"document_ids": ids, "collection": True}
        job = wish.grant(add_job(session, JobKind.DELETE, collection_id, params))
    dispatcher.dispatch()
    return job


def _drawing_on(document_ids: list[str]) -> ColumnElement[bool]:
    drew = select(JobDocumentRow.job_id).where(JobDocumentRow.document_id.in_(document_ids))
    return JobRow.id.in_(drew)


def _cancel_jobs(session: Session, concerned: ColumnElement[bool]) -> None:
    open_jobs = select(JobRow).where(
        concerned, JobRow.status.not_in(TERMINAL), JobRow.kind != JobKind.DELETE
    )
    for row in session.scalars(open_jobs.with_for_update()).all():
        request_cancel(session, row)
