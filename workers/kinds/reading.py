"""Reading a document: parse → embed … → ready, or for a new version of it → replace.

What an archive or a mail holds is unpacked beside, into documents of their own.

The document becomes visible to searches in the transaction that ends the job, all at once. A new
version takes the place of the one before in one transaction too, before that leaves the index of
vectors: whatever happens in between, readers see one of both, whole.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest import blobs, generations, library, versions
from ingest.database import reading, writing
from ingest.errors import LecternError, Refused
from ingest.tables import DocumentRow, DocumentStatus, VersionRow
from ingest.versions import Extent
from workers.jobs import Job, Step
from workers.kinds.embedding import embed_chunks
from workers.kinds.parsing import parse
from workers.kinds.unpacking import unpack
from workers.states import StepStatus
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

CHUNKS_PER_STEP = 64


def plan(job: Job, steps: Sequence[Step]) -> Plan:
    """Parse, then embed in ranges, then the result, or first replace what was read before."""
    parsed = next(step.output for step in steps if step.kind == "parse")
    if parsed is None:
        return Plan(Progress(0, 1, "parsing"))
    embeds = [step for step in steps if step.kind == "embed"]
    done = [step for step in embeds if step.status is StepStatus.DONE]
    if not embeds:
        begun = _embed_steps(parsed)
        if parsed.get("holds_files") and not job.params.get("inside"):
            begun += (NewStep("unpack", 0, {"version_id": parsed["version_id"]}),)
        return Plan(Progress(0, parsed["chunks"], "embedding"), steps=begun)
    chunks = sum(step.output["chunks"] for step in done if step.output)
    unpacked = [step for step in steps if step.kind == "unpack"]
    if len(done) < len(embeds) or any(step.output is None for step in unpacked):
        return Plan(Progress(chunks, parsed["chunks"], "embedding"))
    replaced = [step for step in steps if step.kind == "replace"]
    complete = Progress(parsed["chunks"], parsed["chunks"], "ready")
    if "version_id" in job.params and not replaced:
        return Plan(complete, steps=(NewStep("replace", 0, _extent(parsed)),))
    if any(step.output is None for step in replaced):
        return Plan(complete)
    result = _result(parsed, done)
    for step in unpacked:
        result |= step.output or {}
    return Plan(complete, result=result)


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
    return {
        **_extent(parsed),
        "chunks": parsed["chunks"],
        "timings": {
            "parse_ms": parsed["parse_ms"],
            "embed_ms": embed_ms,
            "total_ms": parsed["parse_ms"] + embed_ms,
        },
    }


def _extent(parsed: dict[str, Any]) -> dict[str, Any]:
    names = ("version_id", "pages", "characters", "empty_pages")
    return {**{name: parsed[name] for name in names}, "ocr_pages": parsed.get("ocr_pages", [])}


def replace(work: Work) -> Output:
    """Put a new version in the place of the one that readers see, and tidy the index of vectors.

    Harmless when repeated. Raises IndexUnavailable, when the new version is in its place already.
    """
    document_id = str(work.job.document_id)
    with work.write() as session:
        _show(session, work.step.input)
    with reading() as session:
        kept = versions.indexed(session, document_id)
        all_of_them = generations.every(session, str(work.job.collection_id))
    for generation_id in all_of_them:
        work.tools.index.keep_versions(generation_id, document_id, kept)
    return Output({"versions_indexed": len(kept)})


def _show(session: Session, read: dict[str, Any]) -> None:
    extent = Extent(
        read["pages"], read["characters"], read["empty_pages"], read.get("ocr_pages", [])
    )
    versions.show(session, read["version_id"], extent)


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """Open the document to readers, or say why it can't be. What they see already stays."""
    document = session.get(DocumentRow, job.document_id)
    if document is None or document.status == DocumentStatus.DELETING:
        return
    if error is None:
        assert job.result is not None, "a reading that succeeded has a result"
        _show(session, job.result)
    elif "version_id" in job.params:
        for sha256 in versions.drop(session, job.params["version_id"]):
            blobs.delete(sha256)
    else:
        library.forget_content(session, document.id, error.code, str(error))


def afterwards(job: Job) -> None:
    """Drop the bytes of a file that can never be read; another try would bring them again."""
    if job.error is None or not _refused(job.error["code"]) or "version_id" in job.params:
        return
    with writing() as session:  # an upload of the same file waits, and brings it again
        document = session.get(DocumentRow, job.document_id)
        if document is None or document.status != DocumentStatus.FAILED:
            return
        sha256 = session.get_one(VersionRow, document.current_version_id).sha256
        holders = select(func.count()).where(VersionRow.sha256 == sha256)
        if session.scalar(holders) == 1:
            blobs.delete(sha256)


def _refused(code: str) -> bool:
    classes = list(Refused.__subclasses__())
    return any(each.code == code for each in classes)


READING = Kind(
    runners={"parse": parse, "embed": embed_chunks, "unpack": unpack, "replace": replace},
    plan=plan,
    settle=settle,
    afterwards=afterwards,
)
