"""Jobs and conversations, asked for and asked about."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from test_service_app import allow, problem

from ingest.database import writing
from ingest.tables import DocumentRow, DocumentStatus
from workers.conversations import close_turn

Made = dict[str, Any]


@pytest.fixture
def document(client: TestClient) -> Made:
    """A document that has been read."""
    collection = client.post("/v1/collections", json={"name": "Minutes"}).json()
    where = f"/v1/collections/{collection['id']}/documents"
    made: Made = client.post(where, files={"files": ("a.txt", b"On Monday.")}).json()
    with writing() as session:
        row = session.get_one(DocumentRow, made["documents"][0]["id"])
        row.status = DocumentStatus.READY
    return dict(made["documents"][0])


def asked(client: TestClient, document: Made, **more: Any) -> Made:
    body = {"kind": "question", "collection_id": document["collection_id"], "question": "When?"}
    answer = client.post("/v1/jobs", json={**body, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_a_summary_waits_and_says_why(client: TestClient, document: Made) -> None:
    body = {"kind": "summary", "document_id": document["id"], "priority": 3}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202
    job = client.get(f"/v1/jobs/{answer.json()['id']}").json()
    assert (job["kind"], job["priority"], job["lane"]) == ("summary", 3, "batch")
    assert job["waiting"]["reason"] == "no_worker"
    assert job["progress"]["percent"] == 0


def test_what_has_not_been_read_can_not_be_summarised(client: TestClient, document: Made) -> None:
    with writing() as session:
        session.get_one(DocumentRow, document["id"]).status = DocumentStatus.READING
    body = {"kind": "summary", "document_id": document["id"]}
    assert problem(client.post("/v1/jobs", json=body)) == (422, "document_not_ready")


def test_one_document_is_asked_if_it_is_there_and_read(client: TestClient, document: Made) -> None:
    job = asked(client, document, document_id=document["id"])
    assert job["document_id"] == document["id"]
    other = client.post("/v1/collections", json={"name": "Other"}).json()["id"]

    def refused(collection: str, document_id: str) -> list[tuple[int, str]]:
        body = {"question": "When?", "document_id": document_id}
        wanted = {**body, "kind": "question", "collection_id": collection}
        return [
            problem(client.post(f"/v1/collections/{collection}/ask", json=body)),
            problem(client.post("/v1/jobs", json=wanted)),
        ]

    assert refused(other, document["id"]) == [(404, "document_not_found")] * 2
    assert refused(document["collection_id"], "doc_x") == [(404, "document_not_found")] * 2
    with writing() as session:
        session.get_one(DocumentRow, document["id"]).status = DocumentStatus.READING
    assert refused(document["collection_id"], document["id"]) == [(422, "document_not_ready")] * 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "search"},
        {"kind": "summary"},
        {"kind": "summary", "document_id": "../x"},
        {"kind": "summary", "document_id": "doc_1", "priority": 10**30},
        {"kind": "question", "collection_id": "col_1"},
        {"kind": "question", "collection_id": "col_1", "question": ["x"]},
    ],
)
def test_odd_wishes_are_refused(client: TestClient, body: Made) -> None:
    assert problem(client.post("/v1/jobs", json=body)) == (422, "invalid_request")


def test_jobs_of_nothing_are_not_found(client: TestClient) -> None:
    summary = {"kind": "summary", "document_id": "doc_none"}
    assert problem(client.post("/v1/jobs", json=summary)) == (404, "document_not_found")
    question = {"kind": "question", "collection_id": "col_none", "question": "x"}
    assert problem(client.post("/v1/jobs", json=question)) == (404, "collection_not_found")
    for path in ("", "/steps"):
        assert problem(client.get(f"/v1/jobs/job_none{path}")) == (404, "job_not_found")
    assert problem(client.post("/v1/jobs/job_none/cancel")) == (404, "job_not_found")
    front = client.post("/v1/jobs/job_none/priority", json={"front": True})
    assert problem(front) == (404, "job_not_found")


def test_jobs_are_listed_by_what_they_are(client: TestClient, document: Made) -> None:
    question = asked(client, document)
    listed = client.get("/v1/jobs").json()["jobs"]
    assert [job["kind"] for job in listed] == ["question", "read"]
    for query, ids in (
        ("kind=question", [question["id"]]),
        (f"document_id={document['id']}", [listed[1]["id"]]),
        ("status=running", []),
        ("limit=1", [question["id"]]),
    ):
        assert [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["jobs"]] == ids


def test_steps_show_no_text(client: TestClient, document: Made) -> None:
    job = asked(client, document)
    (step,) = client.get(f"/v1/jobs/{job['id']}/steps").json()["steps"]
    assert step["status"] == "ready"
    assert not {"input", "output"} & set(step)


def test_cancelling_twice_is_harmless(client: TestClient, document: Made) -> None:
    job = asked(client, document)
    first = client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json() == first.json()


def test_a_job_can_go_to_the_front(client: TestClient, document: Made) -> None:
    asked(client, document, priority=5)
    late = asked(client, document)
    answer = client.post(f"/v1/jobs/{late['id']}/priority", json={"front": True})
    assert (answer.status_code, answer.json()["priority"]) == (200, 6)
    answer = client.post(f"/v1/jobs/{late['id']}/priority", json={"priority": -1})
    assert answer.json()["priority"] == -1
    for odd in ({}, {"priority": 1, "front": True}, {"front": False}):
        refused = client.post(f"/v1/jobs/{late['id']}/priority", json=odd)
        assert problem(refused) == (422, "invalid_request")


def test_conversations_keep_their_turns(client: TestClient, document: Made) -> None:
    first = asked(client, document)
    conversation = first["params"]["conversation_id"]
    second = asked(client, document, conversation_id=conversation)
    with writing() as session:
        close_turn(session, first["id"], "On Monday.", refused=False)
    listed = client.get(f"/v1/conversations?collection_id={document['collection_id']}").json()
    assert [(one["id"], one["title"]) for one in listed["conversations"]] == [
        (conversation, "When?")
    ]
    assert "turns" not in listed["conversations"][0]
    turns = client.get(f"/v1/conversations/{conversation}").json()["turns"]
    assert [(turn["job_id"], turn["answer"]) for turn in turns] == [
        (first["id"], "On Monday."),
        (second["id"], None),
    ]
    assert client.delete(f"/v1/conversations/{conversation}").status_code == 204
    gone = client.get(f"/v1/conversations/{conversation}")
    assert problem(gone) == (404, "conversation_not_found")


def test_a_conversation_of_another_collection_does_not_exist(
    client: TestClient, document: Made
) -> None:
    conversation = asked(client, document)["params"]["conversation_id"]
    other = client.post("/v1/collections", json={"name": "Other"}).json()["id"]
    body = {"kind": "question", "collection_id": other, "question": "x"}
    answer = client.post("/v1/jobs", json={**body, "conversation_id": conversation})
    assert problem(answer) == (404, "conversation_not_found")


def test_a_job_belongs_to_whom_the_proxy_names(
    client: TestClient, document: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"X-Remote-User": "  陳\t小姐 ".encode()}
    body = {"kind": "summary", "document_id": document["id"]}
    assert client.post("/v1/jobs", json=body, headers=name).json()["owner"] == ""
    allow(monkeypatch, owner_header="X-Remote-User")
    made = client.post("/v1/jobs", json=body, headers=name).json()
    assert made["owner"] == "陳 小姐"
    assert client.post("/v1/jobs", json=body).json()["owner"] == ""
    long = client.post("/v1/jobs", json=body, headers={"X-Remote-User": "x" * 500})
    assert len(long.json()["owner"]) == 200
    where = f"/v1/collections/{document['collection_id']}/documents"
    sent = client.post(where, files={"files": ("b.txt", b"On Friday.")}, headers=name)
    reading = sent.json()["jobs"][0]
    gone = client.delete(f"/v1/documents/{reading['document_id']}", headers=name).json()["job"]
    listed = client.get("/v1/jobs", params={"owner": "陳 小姐"}).json()["jobs"]
    assert [job["id"] for job in listed] == [gone["id"], reading["id"], made["id"]]
    assert problem(client.get("/v1/jobs?owner=a%00b")) == (422, "invalid_request")


def test_a_summary_can_wait_for_the_night(client: TestClient, document: Made) -> None:
    body = {"kind": "summary", "document_id": document["id"], "when": "night"}
    assert client.post("/v1/jobs", json=body).json()["when"] == "night"
    assert problem(client.post("/v1/jobs", json={**body, "when": "noon"}))[1] == "invalid_request"
    question = {"kind": "question", "collection_id": document["collection_id"], "question": "x"}
    refused = client.post("/v1/jobs", json={**question, "when": "night"})
    assert problem(refused) == (422, "invalid_request")


def test_an_extraction_waits_for_its_documents_words(client: TestClient, document: Made) -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string"}}}
    body = {"kind": "extract", "document_ids": [document["id"]], "schema": schema}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["lane"], job["params"]["schema"]) == ("extract", "batch", schema)
    assert job["document_id"] == document["id"]
    for odd in (
        {**body, "schema": {"type": "object", "properties": {"day": {"pattern": "x"}}}},
        {**body, "schema": {"type": "array"}},
    ):
        refused = client.post("/v1/jobs", json=odd)
        assert problem(refused) == (422, "bad_schema")
        assert "$" in refused.json()["detail"]
    for odd in ({**body, "document_ids": []}, {**body, "schema": []}, {**body, "fields": {}}):
        assert problem(client.post("/v1/jobs", json=odd)) == (422, "invalid_request")
    gone = {**body, "document_ids": [document["id"], "doc_none"]}
    assert problem(client.post("/v1/jobs", json=gone)) == (404, "document_not_found")
