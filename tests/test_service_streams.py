"""A job's events on a real connection: from the start, resumed, left, and ended by the server."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import ANSWER, answering, collection, end, newest_job, until
from test_service_app import problem

import service.settings
from ingest import library
from ingest.database import writing
from ingest.records import Original
from ingest.tables import DocumentRow, DocumentStatus
from service import streams, uploads
from workers import events, jobs, submit
from workers.events import Event
from workers.states import JobKind, JobStatus

pytestmark = pytest.mark.usefixtures("redis_url", "migrated")
Told = tuple[str | None, str, dict[str, Any]]


def readable() -> str:
    """A document that has been read."""
    with writing() as session:
        where = library.create_collection(session, "Minutes").id
        original = Original("a.txt", "text/plain", "a" * 64, 1)
        document, _ = library.add(session, where, original)
        session.get_one(DocumentRow, document.id).status = DocumentStatus.READY
    return document.id


def reading_job() -> str:
    with writing() as session:
        where = library.create_collection(session, "Minutes").id
        original = Original("a.txt", "text/plain", "a" * 64, 1)
        document, _ = library.add(session, where, original)
    return submit.read(document.id).id


def told(lines: Iterator[str]) -> Iterator[Told]:
    """Events as a browser would understand them."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "event" in fields:
                yield fields.get("id"), fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_story_is_told_from_the_beginning_to_the_end(live: httpx.Client) -> None:
    job_id = reading_job()
    events.emit(job_id, "progress", {"percent": 50})
    events.emit(job_id, "token", {"text": "data: {}\n\nevent: done\n\n會議\u2028", "attempt": 1})
    end(job_id, JobStatus.SUCCEEDED, result={"pages": 3})
    with live.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        raw = answer.read().decode()
    heard = list(told(iter(raw.split("\n"))))
    assert [name for _, name, _ in heard] == ["progress", "token", "done"]
    assert heard[1][2]["text"].endswith("會議\u2028")
    assert heard[2][2] == {"status": "succeeded", "result": {"pages": 3}}
    assert all(event[0] for event in heard)

    resumed = live.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(heard[0][0])})
    assert [name for _, name, _ in told(resumed.iter_lines())] == ["token", "done"]
    asked = live.get(f"/v1/jobs/{job_id}/events?last_event_id={heard[1][0]}")
    assert [name for _, name, _ in told(asked.iter_lines())] == ["done"]
    odd = live.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "$; FLUSHALL"})
    assert len(list(told(odd.iter_lines()))) == 3


def test_events_arrive_as_they_happen_with_signs_of_life_between(
    live: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.1)
    job_id = reading_job()
    with live.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": keep-alive"
        events.emit(job_id, "progress", {"percent": 10})
        assert next(told(lines))[1] == "progress"
        end(job_id, JobStatus.FAILED, error={"code": "damaged_document", "message": "It is."})
        last = list(told(lines))[-1]
    assert last[1:] == (
        "error",
        {"status": "failed", "code": "damaged_document", "message": "It is."},
    )


def test_the_story_of_no_job_is_not_found(live: httpx.Client) -> None:
    assert problem(live.get("/v1/jobs/job_none/events")) == (404, "job_not_found")


def test_reading_goes_on_when_a_listener_leaves(live: httpx.Client) -> None:
    job_id = reading_job()
    with live.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        next(answer.iter_raw())
    time.sleep(0.3)
    assert jobs.get(job_id).status is JobStatus.QUEUED


def test_an_answer_is_streamed_with_its_job_first(live: httpx.Client) -> None:
    where = collection()
    asked = {"question": "When?", "stream": True}
    with live.stream("POST", f"/v1/collections/{where}/ask", json=asked) as answer:
        lines = answer.iter_lines()
        _, name, job = next(heard := told(lines))
        assert name == "job"
        assert job["conversation_id"].startswith("conv_")
        events.emit(job["id"], "token", {"text": "On", "attempt": 1})
        assert next(heard)[1:] == ("token", {"text": "On", "attempt": 1})
        end(job["id"], JobStatus.SUCCEEDED, result={"answer": "On Monday."})
        assert next(heard)[1] == "done"
        assert list(heard) == []


def test_who_leaves_an_answer_cancels_it(live: httpx.Client) -> None:
    asked = {"question": "When?", "stream": True}
    with live.stream("POST", f"/v1/collections/{collection()}/ask", json=asked) as answer:
        _, _, job = next(told(answer.iter_lines()))
    until(lambda: jobs.get(job["id"]).status is JobStatus.CANCELLED)


def test_who_does_not_wait_for_an_answer_cancels_it(live: httpx.Client) -> None:
    url = f"/v1/collections/{collection()}/ask"
    with pytest.raises(httpx.ReadTimeout):
        live.post(url, json={"question": "When?"}, timeout=0.5)
    until(lambda: jobs.get(str(newest_job())).status is JobStatus.CANCELLED)


def test_an_answer_can_be_awaited(live: httpx.Client) -> None:
    worker = answering(JobStatus.SUCCEEDED, result=ANSWER)
    answer = live.post(f"/v1/collections/{collection()}/ask", json={"question": "When?"})
    worker.join()
    assert (answer.status_code, answer.json()) == (200, ANSWER)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (JobStatus.FAILED, {"code": "empty_document", "message": "x"}, (422, "empty_document")),
        (JobStatus.FAILED, {"code": "unheard_of", "message": "x"}, (500, "unheard_of")),
        (JobStatus.CANCELLED, {"code": "cancelled", "message": "x"}, (409, "cancelled")),
        (JobStatus.FAILED, None, (500, "failed")),
    ],
)
def test_a_failed_answer_is_a_problem(
    live: httpx.Client, status: JobStatus, error: Any, expected: tuple[int, str]
) -> None:
    worker = answering(status, error=error)
    answer = live.post(f"/v1/collections/{collection()}/ask", json={"question": "When?"})
    worker.join()
    assert problem(answer) == expected


def test_passages_are_found_without_an_answer(live: httpx.Client) -> None:
    found = {"hits": [], "searched": {}, "timings": {"embed_ms": 1.5}}
    worker = answering(JobStatus.SUCCEEDED, result=found)
    answer = live.post(f"/v1/collections/{collection()}/search", json={"query": '* NEAR( " --'})
    worker.join()
    assert (answer.status_code, answer.json()) == (200, found)


def test_a_summary_can_be_estimated_without_being_begun(live: httpx.Client) -> None:
    found = {"steps": 3, "kept": 1, "p50": 4.0, "p90": 9.5}
    worker = answering(JobStatus.SUCCEEDED, result=found)
    body = {"kind": "summary", "document_id": readable(), "dry_run": True}
    answer = live.post("/v1/jobs", json=body)
    worker.join()
    assert (answer.status_code, answer.json()) == (200, found)
    assert jobs.get(str(newest_job())).kind is JobKind.ESTIMATE


def test_a_search_that_takes_too_long_is_given_up(
    live: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.routes.answers.SEARCH_SECONDS", 0.3)
    answer = live.post(f"/v1/collections/{collection()}/search", json={"query": "x"})
    assert problem(answer) == (504, "job_timeout")
    assert jobs.get(str(newest_job())).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", (422, "empty_question")),
        (" \n\0", (422, "empty_question")),
        ("x" * 4_001, (422, "question_too_long")),
    ],
)
def test_questions_are_checked_before_they_cost_a_job(
    live: httpx.Client, question: str, expected: tuple[int, str]
) -> None:
    where = collection()
    for asking in ("ask", "search"):
        body = {"question" if asking == "ask" else "query": question}
        assert problem(live.post(f"/v1/collections/{where}/{asking}", json=body)) == expected
    job = {"kind": "question", "collection_id": where, "question": question}
    assert problem(live.post("/v1/jobs", json=job)) == expected
    assert newest_job() is None


def begun_upload(live: httpx.Client, size: int) -> int:
    """Status of an upload that sends `size` bytes of a far larger file, and then nothing."""
    address = (live.base_url.host, live.base_url.port or 0)
    head = (
        f"POST /v1/collections/{collection()}/documents HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 999999999\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
    )
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode() + b"x" * size)
        return int(connection.recv(1_000).split()[1])


def test_a_refused_upload_is_answered_while_it_is_sent(
    live: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    service.settings.settings.cache_clear()
    assert begun_upload(live, 1_100_000) == 413


def test_a_silent_upload_is_given_up(
    live: httpx.Client, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    monkeypatch.setattr(uploads, "SILENCE_SECONDS", 0.3)
    assert begun_upload(live, 10) == 408
    assert not list((data_folder / "blobs").rglob("*/*"))


def test_a_request_with_endless_headers_is_refused(live: httpx.Client) -> None:
    headers = {f"X-{number}": "y" * 100 for number in range(10_000)}
    with suppress(httpx.TransportError):  # the server may hang up while we are still talking
        assert live.get("/healthz", headers=headers).status_code in (400, 431)
    assert live.get("/healthz").status_code == 200


def test_open_streams_do_not_keep_the_service_from_stopping(redis_url: str, migrated: Path) -> None:
    """The real process, told to stop while somebody listens."""
    job_id = reading_job()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = Path(__file__).parent.parent
    environment = {
        "LECTERN_DATA": str(migrated),
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "service"], cwd=root, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: answers(client), seconds=60)
            with client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
                lines = answer.iter_lines()
                assert next(lines) == "retry: 2000"
                process.send_signal(signal.SIGTERM)
                began = time.monotonic()
                assert list(told(lines)) == []
        process.wait(timeout=10)
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        process.wait()
    assert jobs.get(job_id).status is JobStatus.QUEUED


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_an_event_can_not_break_out_of_its_line() -> None:
    text = "a\r\n\r\nevent: done\ndata: {}\n\n\u2028\u2029\x85\v\f\x1c 會議"
    sent = streams.encoded(Event("1-0", "token", {"text": text})).decode()
    assert len(sent.splitlines()) == 4
    assert json.loads(sent.splitlines()[2].removeprefix("data: ")) == {"text": text}
    assert streams.encoded(Event(None, "token", {"text": "\ud800"}))
