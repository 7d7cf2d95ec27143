"""Answers in the shapes of OpenAI's chat completions.

The content is the answer with markers ([1]); each marker has an annotation of the kind
`url_citation`, whose address opens the page with the words marked, and beside it the citation
itself as all other interfaces show it. Of a stream nothing can be taken back, so nothing of an
answer is sent before it has been proved. Shapes: platform.openai.com/docs/api-reference/chat.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from ingest.errors import LecternError
from service.errors import answer_to
from service.links import address
from service.marking import Marked, marked
from workers.jobs import Job

DONE = b"data: [DONE]\n\n"
#: Of a result, what an answer has that OpenAI's shape has no place for.
OWN = ("mode", "refused", "conversation_id", "sentences", "citations", "nearest", "searched")


@dataclass(frozen=True, slots=True)
class Asked:
    """Under which name somebody asked, and how they reach this service."""

    model: str
    base: str  #: ends in /
    usage: bool = False  #: the last piece of a stream tells what it cost


def completion(job: Job, asked: Asked) -> dict[str, Any]:
    """A whole answer: an object `chat.completion`."""
    result = job.result or {}
    reply = marked(result)
    message = {
        "role": "assistant",
        "content": reply.text,
        "refusal": None,
        "annotations": _annotations(reply, result, asked.base),
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        **_head(job, asked, "chat.completion"),
        "choices": [choice],
        "usage": _usage(result),
        "lectern": _own(result),
    }


def opening(job: Job, asked: Asked) -> bytes:
    """The first piece of a stream, before anything is known."""
    return _chunk(job, asked, {"role": "assistant", "content": ""})


def pieces(job: Job, asked: Asked) -> Iterator[bytes]:
    """The rest of it, once the job has succeeded."""
    result = job.result or {}
    reply = marked(result)
    for piece in reply.pieces:
        yield _chunk(job, asked, {"content": piece})
    annotations = _annotations(reply, result, asked.base)
    last = {"annotations": annotations} if annotations else {}
    yield _chunk(job, asked, last, finish="stop", lectern=_own(result))
    if asked.usage:
        head = _head(job, asked, "chat.completion.chunk")
        yield _line({**head, "choices": [], "usage": _usage(result)})
    yield DONE


def failure(error: LecternError) -> bytes:
    """The last piece of a stream whose job did not succeed."""
    return _line({"error": error_of(answer_to(error))})


def error_of(problem: JSONResponse) -> dict[str, Any]:
    """What OpenAI's clients read of a problem document."""
    told = json.loads(bytes(problem.body))
    kind = "server_error" if problem.status_code >= 500 else "invalid_request_error"
    return {"message": told["detail"], "type": kind, "param": None, "code": told["code"]}


def _annotations(reply: Marked, result: dict[str, Any], base: str) -> list[dict[str, Any]]:
    citations = {citation["id"]: citation for citation in result["citations"]}
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": address(base, cited := citations[mark.citation]),
                "title": f"{cited['document_name']}, p. {cited['page']}",
                "start_index": mark.start,
                "end_index": mark.end,
            },
            "citation": cited,
        }
        for mark in reply.marks
    ]


def _chunk(
    job: Job, asked: Asked, delta: dict[str, Any], finish: str | None = None, **more: Any
) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _line({**_head(job, asked, "chat.completion.chunk"), "choices": [choice], **more})


def _head(job: Job, asked: Asked, kind: str) -> dict[str, Any]:
    created = int(job.created_at)
    return {"id": f"chatcmpl-{job.id}", "object": kind, "created": created, "model": asked.model}


def _usage(result: dict[str, Any]) -> dict[str, Any]:
    told = result["usage"]
    read, written = told.get("prompt_tokens", 0), told.get("completion_tokens", 0)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": told.get("cached_tokens", 0)},
        "completion_tokens_details": {"reasoning_tokens": told.get("thinking_tokens", 0)},
    }


def _own(result: dict[str, Any]) -> dict[str, Any]:
    return {name: result.get(name) for name in OWN}


def _line(body: dict[str, Any]) -> bytes:
    # ASCII: some clients end lines where Unicode does, which JSON and the protocol do not.
    return f"data: {json.dumps(body)}\n\n".encode()
