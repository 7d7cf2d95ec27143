"""Removing every trace of documents: vectors, pages, what jobs made of them, and their bytes.

The documents were hidden when the job was submitted; this only tidies up, and may run again.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from ingest import blobs, generations, lexical, library
from ingest.database import reading, truncate_log
from ingest.errors import Unavailable
from workers import events
from workers.jobs import Job, Step
from workers.states import StepStatus
from workers.tables import CheckpointRow, ConversationRow, JobDocumentRow, JobRow, StepRow, TurnRow
from workers.work import Kind, Output, Plan, Progress, Work


class StillInUse(Unavailable):
    """A worker has not let go of the document yet."""

    code = "still_in_use"


def erase(work: Work) -> Output:
    """Remove the documents, and their collection when all of it goes."""
    ids: list[str] = work.job.params["document_ids"]
    collection_id = str(work.job.collection_id)
    whole = bool(work.job.params.get("collection"))
    with reading() as session:
        if _in_use(session, work.job):
            raise StillInUse  # given back for a few seconds; the cancelled steps end meanwhile
        indexes = generations.every(session, collection_id)
    if (engine := work.tools.language.engine) is not None:
        engine.forget(frozenset(ids))  # other workers' engines do at their next tick
    for generation_id in indexes:
        if whole:
            work.tools.index.remove_collection(generation_id)
        else:
            work.tools.index.remove_documents(generation_id, ids)
    with work.write() as session:
        forgotten = _erase_jobs(session, work.job)
        session.execute(delete(CheckpointRow).where(CheckpointRow.document_id.in_(ids)))
        unreferenced = [sha for each in ids for sha in library.erase(session, each)]
        lexical.purge(session)
        if whole:
            library.erase_collection(session, collection_id)
        session.flush()
        # Before the commit: who adds the same bytes waits for it, and after a crash in between
        # nobody would know any more what there was to remove.
        events.forget(forgotten)
        for sha256 in unreferenced:
            blobs.delete(sha256)
    return Output({"document_ids": ids, "jobs": len(forgotten)})


def _concerned(own: Job) -> ColumnElement[bool]:
    """Jobs that drew on the documents; with the collection all of its jobs."""
    ids: list[str] = own.params["document_ids"]
    drew = select(JobDocumentRow.job_id).where(JobDocumentRow.document_id.in_(ids))
    concerned: ColumnElement[bool] = JobRow.id.in_(drew)
    if own.params.get("collection"):
        concerned = concerned | (JobRow.collection_id == own.collection_id)
    return concerned & (JobRow.id != own.id)


def _in_use(session: Session, own: Job) -> bool:
    running = (
        select(StepRow.id)
        .join(JobRow, JobRow.id == StepRow.job_id)
        .where(_concerned(own), StepRow.status == StepStatus.RUNNING)
    )
    return session.scalars(running).first() is not None


def _erase_jobs(session: Session, own: Job) -> list[str]:
    """Delete the concerned jobs, with their steps and turns."""
    job_ids = list(session.scalars(select(JobRow.id).where(_concerned(own))))
    session.execute(delete(JobRow).where(JobRow.id.in_(job_ids)))
    empty = ~select(TurnRow).where(TurnRow.conversation_id == ConversationRow.id).exists()
    session.execute(
        delete(ConversationRow).where(ConversationRow.collection_id == own.collection_id, empty)
    )
    return job_ids


def plan(_job: Job, steps: Sequence[Step]) -> Plan:
    """One step is all."""
    erased = steps[0].output
    return Plan(Progress(1 if erased else 0, 1, "deleting"), result=erased)


def afterwards(_job: Job) -> None:
    """Rewrite the logs of SQLite and Redis, which still hold what was erased from them."""
    truncate_log()
    events.rewrite_log()


DELETION = Kind(runners={"erase": erase}, plan=plan, afterwards=afterwards)
