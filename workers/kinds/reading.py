"""Reading a document: parse → embed … → ready.

The document becomes visible to searches in the transaction that ends the job, all at once.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest import blobs, library
from ingest.database import writing
from ingest.errors import LecternError, Refused
from ingest.tables import DocumentRow, DocumentStatus, VersionRow
from workers.jobs import Job, Step
from workers.kinds.embedding import embed_chunks
from workers.kinds.parsing import parse
from workers.states import StepStatus
from workers.work import Kind, NewStep, Plan, Progress

CHUNKS_PER_STEP = 64


def plan(_job: Job, steps: Sequence[Step]) -> Plan:
    """Parse, then embed in ranges, then the result."""
    parsed = next(step.output for step in steps if step.kind == "parse")
    if parsed is None:
        return Plan(Progress(0, 1, "parsing"))
    embeds = [step for step in steps if step.kind == "embed"]
    done = [step for step in embeds if step.status is StepStatus.DONE]
    if not embeds:
        return Plan(Progress(0, parsed["chunks"], "embedding"), steps=_embed_steps(parsed))
    chunks = sum(step.output["chunks"] for step in done if step.output)
    if len(done) < len(embeds):
        return Plan(Progress(chunks, parsed["chunks"], "embedding"))
    return Plan(Progress(parsed["chunks"], parsed["chunks"], "ready"), result=_result(parsed, done))


def _embed_steps(parsed: dict[str, Any]) -> tuple[NewStep, ...]:
    return tuple(
        NewStep(
            "embed",
            ordinal,
            {
                "version_id": parsed["version_id"],
                "first": first,
                "last": first + CHUNKS_PER_STEP,
            },
        )
        for ordinal, first in enumerate(range(0, parsed["chunks"], CHUNKS_PER_STEP))
    )


def _result(parsed: dict[str, Any], embeds: list[Step]) -> dict[str, Any]:
    embed_ms = sum(step.output["embed_ms"] for step in embeds if step.output)
    keys = ("version_id", "pages", "chunks", "characters", "empty_pages")
    return {
        **{key: parsed[key] for key in keys},
        "timings": {
            "parse_ms": parsed["parse_ms"],
            "embed_ms": embed_ms,
            "total_ms": parsed["parse_ms"] + embed_ms,
        },
    }


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """Open the document to readers, or say why it can't be."""
    document = session.get(DocumentRow, job.document_id)
    if document is None or document.status == DocumentStatus.DELETING:
        return
    if error is not None:
        library.forget_content(session, document.id, error.code, str(error))
        return
    assert job.result is not None, "a reading that succeeded has a result"
    version = session.get_one(VersionRow, job.result["version_id"])
    version.page_count = job.result["pages"]
    version.character_count = job.result["characters"]
    version.empty_pages = ",".join(map(str, job.result["empty_pages"]))
    document.status, document.current_version_id = DocumentStatus.READY, version.id


def afterwards(job: Job) -> None:
    """Drop the bytes of a file that can never be read; another try would bring them again."""
    if job.error is None or not _refused(job.error["code"]):
        return
    with writing() as session:  # an upload of the same file waits, and brings it again
        document = session.get(DocumentRow, job.document_id)
        if document is None or document.status != DocumentStatus.FAILED:
            return
        query = select(VersionRow.sha256).where(VersionRow.document_id == document.id)
        for sha256 in session.scalars(query).all():
            holders = select(func.count()).where(VersionRow.sha256 == sha256)
            if session.scalar(holders) == 1:
                blobs.delete(sha256)


def _refused(code: str) -> bool:
    classes = list(Refused.__subclasses__())
    return any(each.code == code for each in classes)


READING = Kind(
    runners={"parse": parse, "embed": embed_chunks},
    plan=plan,
    settle=settle,
    afterwards=afterwards,
)
