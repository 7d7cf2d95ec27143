"""Questions and searches that somebody waits for."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ingest.passages import Scope
from service.deps import Closing, Identifier, Owner
from service.questions import checked
from service.schemas import answers as schemas
from service.streams import EventStream, awaited, happening, outcome, told
from workers import jobs, submit
from workers.events import Event
from workers.wishes import Wish

router = APIRouter(prefix="/v1/collections/{collection_id}", tags=["answers"])
SEARCH_SECONDS = 60.0


@router.post(
    "/ask",
    response_model=schemas.Answer,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def ask(
    collection_id: Identifier,
    asked: schemas.Question,
    owner: Owner,
    request: Request,
    closing: Closing,
) -> Response | dict[str, Any]:
    """Answer a question from a collection, or one document of it, with citations.

    Waits for the answer, or with `stream: true` sends the job's events, the first being `job`
    with its id and the conversation's. A client that goes away cancels the job.
    """
    question = checked(asked.question)
    conversation = asked.conversation_id or asked.conversation
    scope = Scope(collection_id, asked.document_id, asked.filter.filter())
    wish = Wish(owner=owner)
    job = await run_in_threadpool(submit.question, scope, question, conversation, wish)
    if not asked.stream:
        return (await outcome(request, job, closing)).result or {}
    known = {"id": job.id, "conversation_id": job.params.get("conversation_id")}
    story = told(happening(job.id, None, closing), first=[Event(None, "job", known)])
    return EventStream(story, on_leave=partial(run_in_threadpool, jobs.cancel, job.id))


@router.post("/search", response_model=schemas.Hits)
async def search(
    collection_id: Identifier,
    wanted: schemas.Query,
    owner: Owner,
    request: Request,
    closing: Closing,
) -> dict[str, Any]:
    """Find passages without an answer, with scores and what each stage took."""
    query = checked(wanted.query)
    scope, wish = Scope(collection_id, only=wanted.filter.filter()), Wish(owner=owner)
    job = await run_in_threadpool(submit.search, scope, query, wanted.limit, wish)
    return await awaited(request, job, closing, SEARCH_SECONDS)
