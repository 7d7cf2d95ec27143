"""Jobs: what was asked for, where it stands, and the story it tells while it runs."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from ingest.passages import Scope
from service import table
from service.deps import Closing, Identifier, Owner
from service.questions import checked
from service.schemas import jobs as schemas
from service.streams import (
    ESTIMATE_SECONDS,
    EventStream,
    awaited,
    happening,
    resume_point,
    told,
)
from workers import jobs, promises, submit
from workers.jobs import Job, JobFilter
from workers.states import JobKind
from workers.wishes import Wish

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "progress, partial, token, citation, then done or error",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


BINARY = {"schema": {"type": "string", "format": "binary"}}
TABLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type: BINARY for _, media_type in table.FORMATS.values()}}
}


@router.post(
    "", status_code=202, response_model=schemas.Job, responses={200: {"model": schemas.Estimate}}
)
async def create_job(
    wanted: schemas.JobRequest, owner: Owner, request: Request, closing: Closing
) -> dict[str, Any] | JSONResponse:
    """Ask for a summary, a digest, a comparison, an extraction, or for an answer.

    With `dry_run: true` nothing is begun; the answer is 200 with what it would take.
    """
    job = await run_in_threadpool(_asked, wanted, owner)
    if job.kind is JobKind.ESTIMATE:
        return JSONResponse(await awaited(request, job, closing, ESTIMATE_SECONDS))
    return job.public()


@router.get("", response_model=schemas.Jobs)
def list_jobs(wanted: Annotated[schemas.JobQuery, Query()]) -> dict[str, Any]:
    """Jobs that match, newest first."""
    return {"jobs": [job.public() for job in jobs.listing(JobFilter(**wanted.model_dump()))]}


@router.get("/accuracy", response_model=schemas.Accuracy)
def get_accuracy() -> dict[str, Any]:
    """How near the latest estimates came to what the jobs took."""
    return asdict(promises.accuracy())


@router.get("/{job_id}", response_model=schemas.Job)
def get_job(job_id: Identifier) -> dict[str, Any]:
    """One job; a queued one says why it waits."""
    return jobs.get(job_id).public()


@router.get("/{job_id}/steps", response_model=schemas.Steps)
def get_steps(job_id: Identifier) -> dict[str, Any]:
    """The units of a job's work."""
    return {"steps": [step.public() for step in jobs.steps_of(job_id)]}


@router.get("/{job_id}/table", response_class=Response, responses=TABLE)
def get_table(
    job_id: Identifier,
    format: Annotated[Literal["csv", "xlsx"], Query()] = "csv",  # noqa: A002 - the parameter's name
    evidence: Annotated[bool, Query(description="page, quote and verified beside each")] = False,
) -> Response:
    """What an extraction found, one row for each document; no cell is run as a formula."""
    write, media_type = table.FORMATS[format]
    body = write(table.rows(jobs.get(job_id), evidence))
    named = {"Content-Disposition": f'attachment; filename="extract-{job_id}.{format}"'}
    return Response(body, media_type=media_type, headers=named)


@router.post("/{job_id}/cancel", status_code=202, response_model=schemas.Job)
def cancel_job(job_id: Identifier) -> dict[str, Any]:
    """Stop a job. Asking twice is harmless; a job that has ended stays as it is."""
    return jobs.cancel(job_id).public()


@router.post("/{job_id}/priority", response_model=schemas.Job)
def set_priority(job_id: Identifier, new: schemas.NewPriority) -> dict[str, Any]:
    """Give a job another priority, or put it in front of all that waits."""
    return jobs.prioritise(job_id, new.priority).public()


@router.get("/{job_id}/events", response_class=StreamingResponse, responses=EVENTS)
async def follow_job(
    job_id: Identifier,
    closing: Closing,
    header: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    last_event_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """What happens to a job, from the beginning or after the given event, to its end."""
    await run_in_threadpool(jobs.get, job_id)
    return EventStream(told(happening(job_id, resume_point(header, last_event_id), closing)))


def _asked(wanted: schemas.Wanted, owner: str) -> Job:
    if isinstance(wanted, schemas.QuestionRequest):
        scope = Scope(wanted.collection_id, wanted.document_id, wanted.filter.filter())
        question, wish = checked(wanted.question), Wish(wanted.priority, owner)
        return submit.question(scope, question, wanted.conversation_id, wish)
    wish, dry_run = Wish(wanted.priority, owner, wanted.when), wanted.dry_run
    match wanted:
        case schemas.SummaryRequest():
            return submit.summary(wanted.document_id, wanted.form, wish, dry_run=dry_run)
        case schemas.DigestRequest():
            documents = wanted.document_ids or submit.documents_of(str(wanted.collection_id))
            return submit.digest(documents, wanted.form, wish, dry_run=dry_run)
        case schemas.CompareRequest():
            compared = submit.Compared(wanted.wanted, wanted.subject, wanted.language)
            return submit.compare(compared, wish, dry_run=dry_run)
        case schemas.ExtractRequest():
            given = wanted.document_ids, wanted.wanted, wanted.told, wish
            return submit.extract(*given, dry_run=dry_run)
