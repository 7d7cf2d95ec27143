"""Narrowed searches: by documents, kinds, tags, dates and pages, in both real indexes."""

from collections.abc import Iterator

import pytest
from fakes import Office, new_collection, pdf, read
from fastapi.testclient import TestClient
from test_workers_deletion import chroma_url as chroma_url  # noqa: PLC0414 - a fixture

from ingest import library, search
from ingest.database import reading, writing
from ingest.errors import TagsUnusable
from ingest.filters import MOST_TAGS, TAG_CHARACTERS, Filter
from ingest.passages import Scope
from ingest.records import Document
from ingest.vectors import VectorIndex
from workers import jobs, submit

pytestmark = pytest.mark.usefixtures("migrated")
MAINS = "The mains of the harbour were renewed."


@pytest.fixture
def office(chroma_url: str) -> Iterator[Office]:
    """With a real vector index."""
    return Office(VectorIndex(chroma_url))


@pytest.fixture
def collection() -> str:
    return new_collection()


@pytest.fixture
def shelf(office: Office, collection: str) -> dict[str, Document]:
    """A text, a PDF of three pages and another one, each about mains."""
    pages = (f"{MAINS} In {month}." for month in ("March", "April", "May"))
    files = {"note.txt": MAINS, "report.pdf": pdf(*pages), "other.pdf": pdf(f"{MAINS} Elsewhere.")}
    return {name: read(office, collection, content, name) for name, content in files.items()}


def found(office: Office, collection: str, only: Filter) -> set[tuple[str, int]]:
    """(name, page) of what is found, the same by words alone and by both indexes."""
    job = submit.search(Scope(collection, only=only), "Which mains were renewed?", 50)
    office.work(job)
    result = jobs.get(job.id).result
    assert result is not None
    assert not result["searched"]["degraded"]
    for way in ("similarity", "words"):
        assert all(hit[way] is not None for hit in result["hits"])
    return {(hit["document_name"], hit["page"]) for hit in result["hits"]}


@pytest.mark.parametrize("named", [search.MOST_NAMED, 0], ids=["named", "too many to name"])
def test_a_filter_lets_through_what_it_says_and_nothing_else(
    office: Office,
    collection: str,
    shelf: dict[str, Document],
    named: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MOST_NAMED", named)
    note, report = shelf["note.txt"], shelf["report.pdf"]
    with writing() as session:
        library.tag(session, report.id, ["Water", "2024"])
        library.tag(session, note.id, ["water", "20_4"])
    three = {("report.pdf", page) for page in (1, 2, 3)}
    for only, wanted in (
        (Filter(), {("note.txt", 1), ("other.pdf", 1), *three}),
        (Filter(document_ids=(note.id,)), {("note.txt", 1)}),
        (Filter(media_types=("application/pdf",)), {("other.pdf", 1), *three}),
        (Filter(tags=("water",)), {("note.txt", 1), *three}),
        (Filter(tags=("WATER", "2024")), three),
        (Filter(tags=("202",)), set()),
        (Filter(tags=("20_4",)), {("note.txt", 1)}),
        (Filter(pages=(2, 3)), {("report.pdf", 2), ("report.pdf", 3)}),
        (Filter(tags=("water",), pages=(1, 1)), {("note.txt", 1), ("report.pdf", 1)}),
        (Filter(added_before=note.created_at), set()),
        (Filter(added_from=report.created_at), {("other.pdf", 1), *three}),
    ):
        assert found(office, collection, only) == wanted, only


def test_an_answer_keeps_to_the_filter_too(
    office: Office, collection: str, shelf: dict[str, Document]
) -> None:
    job = submit.question(
        Scope(collection, only=Filter(pages=(3, 3))),
        "Which mains of the harbour were renewed?",
        None,
    )
    office.work(job)
    (searched,) = [step.output for step in jobs.steps_of(job.id) if step.kind == "retrieve"]
    assert searched is not None
    assert {passage["page"] for passage in searched["passages"]} == {3}


def test_one_document_is_asked_by_its_pages_where_pages_are_wanted(
    office: Office, shelf: dict[str, Document]
) -> None:
    report = shelf["report.pdf"]
    scope = Scope(report.collection_id, report.id, Filter(pages=(2, 2)))
    job = submit.question(scope, "Which mains of the harbour were renewed?", None)
    office.work(job)
    result = jobs.get(job.id).result
    assert result is not None
    assert result["searched"]["whole"] is False
    assert "April" in office.model.asked[-1]
    assert "May" not in office.model.asked[-1]


def test_tags_are_small_one_line_and_few(shelf: dict[str, Document]) -> None:
    note = shelf["note.txt"]
    with writing() as session:
        tagged = library.tag(session, note.id, [" Água\n boa ", "b", "B", "\0"])
    assert tagged.tags == ["b", "água boa"]
    for tags in (["x" * (TAG_CHARACTERS + 1)], [str(n) for n in range(MOST_TAGS + 1)]):
        with pytest.raises(TagsUnusable), writing() as session:
            library.tag(session, note.id, tags)
    with reading() as session:
        assert library.document(session, note.id).tags == ["b", "água boa"]


def test_tags_and_filters_by_rest(client: TestClient, shelf: dict[str, Document]) -> None:
    note = shelf["note.txt"]
    path = f"/v1/documents/{note.id}/tags"
    assert client.put(path, json={"tags": ["Water"]}).json()["tags"] == ["water"]
    assert client.get(f"/v1/documents/{note.id}").json()["tags"] == ["water"]
    refused = client.put(path, json={"tags": ["x" * 60]})
    assert (refused.status_code, refused.json()["code"]) == (422, "tags_unusable")
    for wrong in ({"pages": {"first": 0}}, {"added_from": -1}, {"unknown": 1}):
        body = {"query": "mains", "filter": wrong}
        answer = client.post(f"/v1/collections/{note.collection_id}/search", json=body)
        assert answer.status_code == 422
