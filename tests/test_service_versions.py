"""Versions come in one by one, are listed, and stay open to citations."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from test_service_app import problem
from test_service_documents import left_behind, set_status

from ingest import versions
from ingest.database import writing
from ingest.tables import DocumentStatus, PageRow
from ingest.versions import Extent

Made = dict[str, Any]


@pytest.fixture
def document(client: TestClient) -> Made:
    """A document that has been read."""
    collection = client.post("/v1/collections", json={"name": "Contracts"}).json()
    files = {"files": ("contract.txt", b"The fee is 5.")}
    answer = client.post(f"/v1/collections/{collection['id']}/documents", files=files).json()
    show(answer["documents"][0]["version"]["id"], "The fee is 5.")
    return dict(answer["documents"][0])


def show(version_id: str, text: str) -> None:
    with writing() as session:
        session.add(PageRow(version_id=version_id, number=1, text=text))
        versions.show(session, version_id, Extent(1, len(text), []))


def put(client: TestClient, document: Made, *contents: bytes, name: str = "v2.txt") -> Any:
    files = [("files", (name, content)) for content in contents]
    return client.post(f"/v1/documents/{document['id']}/versions", files=files)


def test_a_version_comes_in_and_a_job_reads_it(client: TestClient, document: Made) -> None:
    answer = put(client, document, b"The fee is 6.")
    assert answer.status_code == 202
    made = answer.json()
    assert made["job"]["kind"] == "read"
    assert made["job"]["params"] == {"version_id": made["version"]["id"]}
    assert made["document"]["duplicate"] is False
    assert made["document"]["status"] == "ready"
    assert made["document"]["name"] == "contract.txt"
    assert made["document"]["version"]["id"] == document["version"]["id"]
    listed = client.get(f"/v1/documents/{document['id']}/versions").json()["versions"]
    assert [(one["number"], one["current"]) for one in listed] == [(2, False), (1, True)]
    show(made["version"]["id"], "The fee is 6.")
    page = f"/v1/documents/{document['id']}/pages/1"
    assert client.get(page).json()["text"] == "The fee is 6."
    old = {"version_id": document["version"]["id"]}
    assert client.get(page, params=old).json()["text"] == "The fee is 5."
    content = f"/v1/documents/{document['id']}/content"
    assert client.get(content).content == b"The fee is 6."
    assert client.get(content, params=old).content == b"The fee is 5."
    none = {"version_id": "ver_none"}
    assert problem(client.get(content, params=none)) == (404, "version_not_found")


def test_the_same_bytes_are_one_version(client: TestClient, document: Made) -> None:
    same = put(client, document, b"The fee is 5.").json()
    assert same["document"]["duplicate"] is True
    assert same["version"]["id"] == document["version"]["id"]
    first = put(client, document, b"The fee is 6.").json()
    again = put(client, document, b"The fee is 6.").json()
    assert (again["version"]["id"], again["job"]["id"]) == (
        first["version"]["id"],
        first["job"]["id"],
    )
    assert again["document"]["duplicate"] is True


def test_what_is_no_version_is_refused(
    client: TestClient, document: Made, data_folder: Path
) -> None:
    kept = len(left_behind(data_folder))
    assert problem(put(client, document, b"a", b"b")) == (422, "too_many_files")
    assert problem(put(client, document, b"# a", name="a.md")) == (422, "version_type_differs")
    assert problem(put(client, document, b"")) == (422, "empty_file")
    assert problem(put(client, {"id": "doc_none"}, b"a")) == (404, "document_not_found")
    nothing = client.get("/v1/documents/doc_none/versions")
    assert problem(nothing) == (404, "document_not_found")
    set_status(document["id"], DocumentStatus.READING)
    assert problem(put(client, document, b"a")) == (422, "document_not_ready")
    assert len(left_behind(data_folder)) == kept


def compare(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/jobs", json={"kind": "compare", **body})


def test_versions_and_documents_can_be_compared(client: TestClient, document: Made) -> None:
    second = put(client, document, b"The fee is 6.").json()["version"]["id"]
    sides = [[document["id"], document["version"]["id"]], [document["id"], second]]
    assert problem(compare(client, versions=sides)) == (422, "document_not_ready")
    show(second, "The fee is 6.")
    answer = compare(client, versions=sides, focus=" fee\0 ", priority=2)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["lane"], job["priority"]) == ("compare", "batch", 2)
    assert job["params"] == {"versions": sides, "focus": "fee", "language": None}
    assert job["document_id"] == document["id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"document_ids": ["doc_1"]},
        {"document_ids": ["doc_1", "doc_1"]},
        {"document_ids": [f"doc_{n}" for n in range(11)]},
        {"versions": [["doc_1", "ver_1"], ["doc_1", "ver_1"]]},
        {"versions": [["doc_1"], ["doc_2"]]},
        {"document_ids": ["doc_1", "doc_2"], "versions": [["doc_1", "v"], ["doc_2", "w"]]},
        {"document_ids": ["doc_1", "doc_2"], "language": "fr"},
        {"document_ids": ["doc_1", "doc_2"], "focus": ""},
    ],
)
def test_odd_comparisons_are_refused(client: TestClient, body: Made) -> None:
    assert problem(compare(client, **body)) == (422, "invalid_request")


def test_what_is_not_there_is_not_compared(client: TestClient, document: Made) -> None:
    ids = [document["id"], "doc_none"]
    assert problem(compare(client, document_ids=ids)) == (404, "document_not_found")
    sides = [[document["id"], document["version"]["id"]], [document["id"], "ver_none"]]
    assert problem(compare(client, versions=sides)) == (404, "version_not_found")
