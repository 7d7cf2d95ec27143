"""Collections as models of OpenAI's interface, for programs that know no other."""

import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ingest.errors import LecternError
from ingest.passages import Scope
from ingest.records import Collection
from service import completions, slugs
from service.completions import Asked
from service.deps import Closing, Owner
from service.errors import PROBLEM, answer_to, invalid
from service.marking import same
from service.questions import checked
from service.schemas import openai as schemas
from service.streams import KEEP_ALIVE, EventStream, Pieces, happening, outcome, succeeded
from workers import conversations, jobs, submit
from workers.conversations import Said
from workers.jobs import Job
from workers.wishes import Wish


class Route(APIRoute):
    """One whose problem documents hold OpenAI's `error` too, which its clients read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer named errors and unusable requests here."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except LecternError as error:
                return _both(answer_to(error))
            except RequestValidationError as error:
                return _both(invalid(error))

        return answered


router = APIRouter(prefix="/v1", tags=["openai"], route_class=Route)
Name = Annotated[str, Path(max_length=300)]


@router.get("/models", response_model=schemas.Models)
def list_models() -> dict[str, Any]:
    """Every collection as a model."""
    return {"data": [_shown(name, one) for name, one in slugs.by_name().items()]}


@router.get("/models/{name}", response_model=schemas.Model)
def get_model(name: Name) -> dict[str, Any]:
    """One of them."""
    return _shown(name, slugs.collection(name))


@router.post(
    "/chat/completions",
    response_model=schemas.Completion,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def complete(
    wanted: schemas.Chat, owner: Owner, request: Request, closing: Closing
) -> Response | dict[str, Any]:
    """Answer the last message of the user from a collection, with citations as annotations.

    The question before it counts if the client repeats it with the answer that was given here;
    other messages, those of the system too, do not. With `stream: true` the answer is sent when
    it has been proved. A client that goes away cancels the job.
    """
    job = await run_in_threadpool(_submitted, wanted, owner)
    options = wanted.stream_options or schemas.StreamOptions()
    asked = Asked(wanted.model, str(request.base_url), bool(options.include_usage))
    if not wanted.stream:
        return completions.completion(await outcome(request, job, closing), asked)
    cancel = partial(run_in_threadpool, jobs.cancel, job.id)
    return EventStream(_streamed(job, asked, closing), on_leave=cancel)


def _submitted(wanted: schemas.Chat, owner: str) -> Job:
    collection = slugs.collection(wanted.model)
    question = checked(wanted.question)
    scope = Scope(collection.id, wanted.document_id, wanted.filter.filter())
    before = _said_before(collection.id, wanted)
    wish = Wish(owner=owner)
    if before is None:
        return submit.question(scope, question, None, wish)
    return submit.question(scope, question, before.conversation_id, wish, follows=before.job_id)


def _said_before(collection_id: str, wanted: schemas.Chat) -> Said | None:
    """What the client repeats of an earlier answer, if it was given here: nothing else is one."""
    if wanted.before is None:
        return None
    question, answer = wanted.before
    answers = conversations.answers_to(collection_id, question.strip())
    return next((said for said in answers if same(said.answer, answer)), None)


async def _streamed(job: Job, asked: Asked, closing: Closing) -> Pieces:
    yield completions.opening(job, asked)
    try:
        async with aclosing(happening(job.id, None, closing)) as events:
            async for _ in events:
                yield KEEP_ALIVE
        ended = await succeeded(job.id)
    except LecternError as error:  # the status has been sent; only the stream can tell
        yield completions.failure(error)
        return
    for piece in completions.pieces(ended, asked):
        yield piece


def _shown(name: str, collection: Collection) -> dict[str, Any]:
    return {
        "id": name,
        "created": int(collection.created_at),
        "name": collection.name,
        "collection_id": collection.id,
    }


def _both(problem: JSONResponse) -> JSONResponse:
    told = {**json.loads(bytes(problem.body)), "error": completions.error_of(problem)}
    kept = {name: value for name, value in problem.headers.items() if name == "retry-after"}
    return JSONResponse(told, problem.status_code, kept, media_type=PROBLEM)
