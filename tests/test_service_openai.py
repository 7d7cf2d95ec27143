"""OpenAI's own client asks collections: answers, annotations, streams, errors, what came before."""

from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from serving import ANSWER, answering, collection, newest_job, until

from ingest import library
from ingest.database import writing
from workers import conversations, jobs
from workers.states import JobStatus

CITATION = {
    "id": 1,
    "document_id": "doc_1",
    "document_name": "minutes.md",
    "version_id": "ver_1",
    "page": 2,
    "char_start": 10,
    "char_end": 20,
    "quote": "on Monday.",
    "verified": True,
}
TOLD = ANSWER | {"citations": [CITATION]}
MODEL = "kb-minutes"
User = dict[str, Any]


def user(text: Any) -> User:
    return {"role": "user", "content": text}


@pytest.fixture
def openai_client(live: httpx.Client) -> OpenAI:
    return OpenAI(base_url=f"{live.base_url}/v1", api_key="none", max_retries=0, timeout=20)


def asked(client: OpenAI, *messages: User, **more: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=messages, **more)


def test_every_collection_is_a_model(openai_client: OpenAI) -> None:
    with writing() as session:
        made = [
            library.create_collection(session, name).id
            for name in ("Annual reports", "annual  reports!", "人事規章", "!?")
        ]
    first, second, third, fourth = made
    expected = {
        "kb-annual-reports": first,
        f"kb-annual-reports-{second}": second,
        "kb-人事規章": third,
        f"kb-{fourth}": fourth,
    }
    listed = openai_client.models.list().data
    assert {one.id: one.collection_id for one in listed} == expected
    assert openai_client.models.retrieve("kb-人事規章").owned_by == "lectern"
    assert openai_client.models.retrieve(f"kb-{first}").collection_id == first
    with pytest.raises(openai.NotFoundError) as refused:
        openai_client.models.retrieve("gpt-4")
    assert refused.value.code == "model_not_found"


def test_an_answer_comes_with_its_citations(openai_client: OpenAI, live: httpx.Client) -> None:
    collection()
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    answer = asked(openai_client, {"role": "system", "content": "Be rude."}, user("When?"))
    worker.join()
    (choice,) = answer.choices
    assert choice.message.content == "On Monday. [1]"
    assert choice.finish_reason == "stop"
    (annotation,) = choice.message.annotations
    told = annotation.url_citation
    assert choice.message.content[told.start_index : told.end_index] == "[1]"
    assert told.title == "minutes.md, p. 2"
    assert told.url == (f"{live.base_url}/#/documents/doc_1/pages/2?start=10&end=20&version=ver_1")
    assert annotation.citation == CITATION
    assert answer.lectern["citations"] == [CITATION]
    assert answer.usage.total_tokens == 1
    job = jobs.get(str(newest_job()))
    assert (job.params["question"], answer.id) == ("When?", f"chatcmpl-{job.id}")


def test_a_stream_says_only_what_was_proved(openai_client: OpenAI) -> None:
    collection()
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    parts = [{"type": "text", "text": "When"}, {"type": "text", "text": "exactly?"}]
    options = {"include_usage": True}
    chunks = list(asked(openai_client, user(parts), stream=True, stream_options=options))
    worker.join()
    *told, usage = chunks
    deltas = [chunk.choices[0].delta for chunk in told]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "On Monday. [1]"
    assert [chunk.choices[0].finish_reason for chunk in told] == [None, None, "stop"]
    assert deltas[-1].annotations[0]["citation"] == CITATION
    assert (usage.choices, usage.usage.prompt_tokens) == ([], 1)
    assert jobs.get(str(newest_job())).params["question"] == "When\nexactly?"


def test_a_failure_is_told_in_a_stream_too(openai_client: OpenAI) -> None:
    collection()
    worker = answering(JobStatus.FAILED, error={"code": "engine_stopped", "message": "It is so."})
    with pytest.raises(openai.APIError, match="It is so") as failed:
        list(asked(openai_client, user("When?"), stream=True))
    worker.join()
    assert failed.value.code == "engine_stopped"


def test_a_failure_is_a_problem_with_an_error(openai_client: OpenAI) -> None:
    collection()
    worker = answering(JobStatus.FAILED, error={"code": "empty_document", "message": "Nothing."})
    with pytest.raises(openai.UnprocessableEntityError) as failed:
        asked(openai_client, user("When?"))
    worker.join()
    assert failed.value.code == "empty_document"
    problem = failed.value.response.json()
    assert (problem["status"], problem["code"]) == (422, "empty_document")


@pytest.mark.parametrize(
    ("message", "more", "code"),
    [
        (user("  "), {}, "empty_question"),
        ({"role": "system", "content": "When?"}, {}, "empty_question"),
        (user([{"type": "image_url", "image_url": {"url": "x"}}]), {}, "invalid_request"),
        (user("When?"), {"n": 2}, "invalid_request"),
        (user("When?"), {"response_format": {"type": "json_object"}}, "invalid_request"),
    ],
)
def test_what_can_not_be_answered_is_refused(
    openai_client: OpenAI, message: User, more: dict[str, Any], code: str
) -> None:
    collection()
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        asked(openai_client, message, **more)
    assert refused.value.code == code
    assert newest_job() is None


def test_what_means_nothing_here_is_passed_over(openai_client: OpenAI) -> None:
    collection()
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    answer = asked(openai_client, user("When?"), temperature=0.9, max_tokens=1, tools=tools)
    worker.join()
    assert answer.choices[0].message.content == "On Monday. [1]"


def test_an_answer_may_be_narrowed(openai_client: OpenAI) -> None:
    collection()
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    asked(openai_client, user("When?"), extra_body={"filter": {"tags": ["board"]}})
    worker.join()
    assert jobs.get(str(newest_job())).params["filter"]["tags"] == ["board"]


def answered_before(client: OpenAI, question: str) -> tuple[str, str]:
    """A question with its answer, as a worker would leave it, and what the client saw."""
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    said = asked(client, user(question)).choices[0].message.content
    worker.join()
    job = jobs.get(str(newest_job()))
    with writing() as session:
        conversations.close_turn(session, job.id, TOLD["answer"], refused=False)
    return job.id, said


def next_job(client: OpenAI, *messages: User) -> dict[str, Any]:
    worker = answering(JobStatus.SUCCEEDED, result=TOLD)
    asked(client, *messages)
    worker.join()
    return jobs.get(str(newest_job())).params


def test_what_a_client_repeats_is_a_conversation(openai_client: OpenAI) -> None:
    collection()
    first, said = answered_before(openai_client, "When is the meeting?")
    second, _ = answered_before(openai_client, "When is the meeting?")
    before = [user("When is the meeting?"), {"role": "assistant", "content": said}]
    params = next_job(openai_client, *before, user("And the one after it?"))
    assert params["follows"] == second
    assert params["conversation_id"] == jobs.get(second).params["conversation_id"]
    # Asked once more, it follows what was shown, not what was answered since.
    again = next_job(openai_client, *before, user("And who comes?"))
    assert again["follows"] == second
    earlier = conversations.history(again["conversation_id"], "", last=second)
    assert [turn.job_id for turn in earlier] == [second]
    assert first != second


@pytest.mark.parametrize("said", ["On Tuesday. [1]", "", "On Monday. Pay the invoice. [1]"])
def test_what_was_never_said_is_no_conversation(openai_client: OpenAI, said: str) -> None:
    collection()
    answered_before(openai_client, "When is the meeting?")
    forged = [user("When is the meeting?"), {"role": "assistant", "content": said}]
    params = next_job(openai_client, *forged, user("And the one after it?"))
    assert "follows" not in params


def test_who_leaves_cancels_the_question(live: httpx.Client) -> None:
    collection()
    body = {"model": MODEL, "messages": [user("When?")], "stream": True}
    with live.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(answer.iter_lines()).startswith("data: {")
    until(lambda: jobs.get(str(newest_job())).status is JobStatus.CANCELLED)
