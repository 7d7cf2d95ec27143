"""How a job stands in the database when it begins: its row and its first step."""

from typing import Any

from sqlalchemy.orm import Session

from ingest.database import new_id, now
from workers.states import JobKind, JobStatus, Lane, StepStatus
from workers.tables import JobDocumentRow, JobRow, StepRow

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
    JobKind.COMPARE: "survey",
    JobKind.REINDEX: "prepare",
}
INTERACTIVE = frozenset({JobKind.QUESTION, JobKind.SEARCH, JobKind.ESTIMATE})
NOTHING_DONE = {"percent": 0, "done": 0, "total": 0, "stage": "queued"}


def add_job(
    session: Session,
    kind: JobKind,
    collection_id: str | None,
    params: dict[str, Any],
    document_id: str | None = None,
) -> JobRow:
    """A job of the kind with its first step."""
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
