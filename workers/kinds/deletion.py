"""Removing every trace of documents: vectors, pages, what jobs made of them, and their bytes.

The documents were hidden when the job was submitted; this only tidies up, and may run again.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ingest import blobs, library
from ingest.database import reading
from ingest.errors import Unavailable
from ingest.tables import CollectionRow, VersionRow
from workers import events
from workers.jobs import Job, Step, StepStatus
from workers.work import Kind, Output, Plan, Progress, Work
from workers.tables import CheckpointRow, ConversationRow, JobDocumentRow, JobRow, StepRow, TurnRow


class StillInUse(Unavailable):
    """A worker has not let go of the document yet."""

    code = "still_in_use"


def erase(work: Work) -> Output:
    """Remove the documents, and their collection when all of it goes."""
    ids: list[str] = work.job.params["document_ids"]
    collection_id = str(work.job.collection_id)
    whole = bool(work.job.params.get("collection"))
    with reading() as session:
        if _in_use(session, ids):
            raise StillInUse  # given back for a few seconds; the cancelled steps end meanwhile
    if whole:
        work.tools.index.remove_collection(collection_id)
    else:
        work.tools.index.remove_documents(collection_id, ids)
    with work.write() as session:
        forgotten = _erase_jobs(session, work.job, ids, whole)
        session.execute(delete(CheckpointRow).where(CheckpointRow.document_id.in_(ids)))
        unreferenced = [sha for each in ids for sha in library.erase(session, each)]
        if whole:
            session.execute(delete(CollectionRow).where(CollectionRow.id == collection_id))
    _erase_blobs(unreferenced)
    events.forget(forgotten)
    return Output({"document_ids": ids, "jobs": len(forgotten)})


def _in_use(session: Session, document_ids: list[str]) -> bool:
    running = (
        select(func.count())
        .select_from(StepRow)
        .join(JobDocumentRow, JobDocumentRow.job_id == StepRow.job_id)
        .where(JobDocumentRow.document_id.in_(document_ids), StepRow.status == StepStatus.RUNNING)
    )
    return bool(session.scalar(running))


def _erase_jobs(session: Session, own: Job, document_ids: list[str], whole: bool) -> list[str]:
    """Delete the jobs that drew on the documents, with their steps and turns."""
    drew = select(JobDocumentRow.job_id).where(JobDocumentRow.document_id.in_(document_ids))
    concerned: ColumnElement[bool] = JobRow.id.in_(drew)
    if whole:
        concerned = concerned | (JobRow.collection_id == own.collection_id)
    query = select(JobRow.id).where(concerned, JobRow.id != own.id)
    job_ids = list(session.scalars(query))
    session.execute(delete(JobRow).where(JobRow.id.in_(job_ids)))
    empty = ~select(TurnRow).where(TurnRow.conversation_id == ConversationRow.id).exists()
    session.execute(
        delete(ConversationRow).where(ConversationRow.collection_id == own.collection_id, empty)
    )
    return job_ids


def _erase_blobs(hashes: list[str]) -> None:
    """Delete bytes that no version holds; one may have come again since."""
    for sha256 in hashes:
        with reading() as session:
            held = session.scalar(select(func.count()).where(VersionRow.sha256 == sha256))
        if not held:
            blobs.delete(sha256)


def plan(_job: Job, steps: Sequence[Step]) -> Plan:
    """One step is all."""
    erased = steps[0].output
    return Plan(Progress(1 if erased else 0, 1, "deleting"), result=erased)


DELETION = Kind(runners={"erase": erase}, plan=plan)
