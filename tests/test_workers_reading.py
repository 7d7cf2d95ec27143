"""Reading a document, step by step, after anything that may come between."""

import io

import pypdfium2
import pytest
from fakes import Office, first_step, new_collection, pdf, prose, read, ready_steps, set_step, store

from ingest import blobs, embed, lexical, library
from ingest.database import reading, writing
from ingest.errors import IndexUnavailable
from ingest.passages import Scope
from ingest.search import find
from ingest.tables import ChunkRow, DocumentRow, EmbeddingRow, GenerationRow, PageRow, VersionRow
from workers import jobs, steps, submit
from workers.kinds import embedding
from workers.kinds import reading as kind
from workers.states import JobStatus, StepStatus

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def collection() -> str:
    return new_collection()


def chunks_of(document: library.Document) -> list[ChunkRow]:
    assert document.version is not None
    with reading() as session:
        found = session.query(ChunkRow).filter_by(version_id=document.version.id)
        return list(found.order_by(ChunkRow.ordinal))


def again(document: library.Document) -> library.Document:
    with reading() as session:
        return library.document(session, document.id)


def test_a_scan_is_read_and_its_pages_say_how(office: Office, collection: str) -> None:
    pytest.importorskip("rapidocr")
    words = "Twelve boats left the harbour before the storm"
    picture = pypdfium2.PdfDocument(pdf(words))[0].render(scale=1.5).to_pil()
    body = io.BytesIO()
    picture.crop((0, 0, 600, 150)).save(body, "PNG")
    document = read(office, collection, body.getvalue(), "scan.png")
    version = document.version
    assert version
    assert (document.status, version.ocr_pages, version.empty_pages) == ("ready", [1], [])
    with reading() as session:
        page = library.page(session, document.id, 1)
    assert page.text == words
    assert page.layout
    assert len(page.layout.boxes(0, len(words))) == 1


def test_pieces_of_a_table_are_found_by_its_header(office: Office, collection: str) -> None:
    rows = "".join(f"item {number},{number * 7}\n" for number in range(200))
    document = read(office, collection, f"Zanzibar,Amount\n{rows}", "table.csv")
    later = [chunk for chunk in chunks_of(document) if chunk.context]
    assert later
    assert {chunk.context for chunk in later} == {"Zanzibar | Amount"}
    with reading() as session:
        found = lexical.search(session, collection, ["zanzibar"], 1_000)
    assert len(found) == len(chunks_of(document))


def test_a_document_becomes_pages_chunks_and_vectors(office: Office, collection: str) -> None:
    sheet = "\n".join(prose(40, 8).split("\n\n"))
    document = read(office, collection, pdf(sheet, "", sheet.replace("harbour", "quay")))
    version = document.version
    assert version is not None
    assert (document.status, document.error) == ("ready", None)
    with reading() as session:
        pages = list(session.query(PageRow).filter_by(version_id=version.id))
        fingerprint = session.get_one(GenerationRow, collection).embedder
        kept = session.query(EmbeddingRow).filter_by(generation_id=collection, indexed=True)
        vectors = {row.chunk_id: embed.from_blob(row.vector) for row in kept}
    assert len(pages) == 3
    assert version.character_count == sum(len(page.text) for page in pages)
    assert (version.page_count, version.empty_pages) == (3, [2])
    texts = {page.number: page.text for page in pages}
    chunks = chunks_of(document)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    covered = {number: set[int]() for number in texts}
    for chunk in chunks:
        assert texts[chunk.page][chunk.char_start : chunk.char_end].strip()
        covered[chunk.page] |= set(range(chunk.char_start, chunk.char_end))
        indexed = office.index.entries[collection][chunk.id].vector
        assert vectors[chunk.id] @ indexed == pytest.approx(1, abs=0.01)
    missed = [
        character
        for number, text in texts.items()
        for place, character in enumerate(text)
        if place not in covered[number] and not character.isspace()
    ]
    assert missed == []
    assert set(office.index.entries[collection]) == {chunk.id for chunk in chunks}
    assert fingerprint == office.tools.embedder.fingerprint


def test_nothing_is_found_before_the_whole_document_is_read(
    office: Office, collection: str
) -> None:
    document = store(collection, prose(300))
    job = submit.read(document.id)
    seen = []
    while not jobs.get(job.id).finished:
        office.runtime.run(ready_steps(job)[0])
        findings = find(Scope(collection), "harbour1w1", 3, office.tools.means)
        seen.append(bool(findings.passages))
    assert len(seen) > 2
    assert seen == [False] * (len(seen) - 1) + [True]


def test_a_crash_between_embedding_and_index_repeats_only_what_is_missing(
    office: Office, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CHUNKS_PER_WRITE", 8)
    document = store(collection, prose(80))
    job = submit.read(document.id)
    office.runtime.run(first_step(job).id)
    (waiting,) = ready_steps(job)[:1]
    added: list[str] = []
    real = office.index.add

    def add(collection_id: str, entries: list) -> None:
        if len(added) >= 8:
            raise IndexUnavailable
        added.extend(entry.chunk_id for entry in entries)
        real(collection_id, entries)

    monkeypatch.setattr(office.index, "add", add)
    office.runtime.run(waiting)
    assert [step.status for step in jobs.steps_of(job.id) if step.id == waiting] == ["ready"]
    first, added[:] = list(added), []
    monkeypatch.setattr(office.index, "add", lambda _, entries: add_more(entries))

    def add_more(entries: list) -> None:
        added.extend(entry.chunk_id for entry in entries)
        real(collection, entries)

    set_step(waiting, not_before=0.0)
    office.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    assert not set(first) & set(added)
    assert set(first) | set(added) == {chunk.id for chunk in chunks_of(document)}


def test_a_parser_that_is_interrupted_begins_anew(office: Office, collection: str) -> None:
    document = store(collection, prose(200))
    job = submit.read(document.id)
    claim = steps.claim(first_step(job).id, "dead", -1)
    assert claim is not None
    assert document.version is not None
    with steps.fenced(claim.step) as session:
        session.add(PageRow(version_id=document.version.id, number=1, text="half"))
    with writing() as session:
        steps.reclaim(session)
    office.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    with reading() as session:
        assert session.get_one(PageRow, (document.version.id, 1)).text.startswith("harbour0w0")


@pytest.mark.parametrize(
    ("content", "code"),
    [(b" \n" * 50, "empty_document"), (b"One line.\f" * 6_000, "too_many_pages")],
)
def test_what_can_not_be_read_leaves_only_its_reason(
    office: Office, collection: str, content: bytes, code: str
) -> None:
    document = store(collection, content)
    job = submit.read(document.id)
    office.work()
    assert document.version is not None
    assert (jobs.get(job.id).status, jobs.get(job.id).error["code"]) == (JobStatus.FAILED, code)
    failed = again(document)
    assert (failed.status, (failed.error or {})["code"]) == ("failed", code)
    with reading() as session:
        assert session.query(PageRow).count() == session.query(ChunkRow).count() == 0
    assert office.index.count(collection) == 0
    assert not blobs.exists(document.version.sha256)


def test_the_bytes_stay_while_another_document_has_them(office: Office, collection: str) -> None:
    document = store(collection, b" \n" * 50)
    store(new_collection("Other"), b" \n" * 50)
    office.work(submit.read(document.id))
    assert document.version is not None
    assert again(document).status == "failed"
    assert blobs.exists(document.version.sha256)


def test_the_bytes_stay_when_somebody_brings_them_again_meanwhile(
    office: Office, collection: str
) -> None:
    document = store(collection, b" \n" * 50)
    job = submit.read(document.id)
    office.work(job)
    assert store(collection, b" \n" * 50).id == document.id
    kind.afterwards(jobs.get(job.id))  # late, as after a pause between commit and tidying
    assert document.version is not None
    assert blobs.exists(document.version.sha256)


def test_a_file_that_failed_can_be_read_again(office: Office, collection: str) -> None:
    office.tools.embedder.fingerprint = "other"
    read(office, collection, "On Sunday.", "first.txt")
    office.tools.embedder.fingerprint = "fake:16"
    document = store(collection, prose(3))
    job = submit.read(document.id)
    office.work(job)
    assert jobs.get(job.id).error["code"] == "embedder_mismatch"
    office.tools.embedder.fingerprint = "other"
    assert store(collection, prose(3)).id == document.id
    job = submit.read(document.id)
    office.work(job)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED


def test_vectors_of_a_cancelled_reading_do_not_stay_beside_the_new_ones(
    office: Office, collection: str
) -> None:
    document = store(collection, prose(300))
    job = submit.read(document.id)
    for _ in range(2):
        office.runtime.run(ready_steps(job)[0])
    assert office.index.count(collection)
    jobs.cancel(job.id)
    assert again(document).status == "failed"
    assert chunks_of(document) == []
    assert store(collection, prose(300)).id == document.id
    office.work(submit.read(document.id))
    assert again(document).status == "ready"
    assert set(office.index.entries[collection]) == {chunk.id for chunk in chunks_of(document)}


def test_cancelling_reaches_the_parser(
    office: Office, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = store(collection, prose(30))
    job = submit.read(document.id)
    monkeypatch.setattr(
        type(office.runtime), "_wanted_no_more", lambda *_: lambda: not jobs.cancel(job.id) or True
    )
    office.runtime.run(first_step(job).id)
    ended = jobs.get(job.id)
    assert (ended.status, ended.error["code"]) == (JobStatus.CANCELLED, "cancelled")
    assert first_step(job).status is StepStatus.CANCELLED


def test_a_worker_that_stops_while_parsing_gives_the_document_back(
    office: Office, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = store(collection, prose(30))
    job = submit.read(document.id)
    monkeypatch.setattr(type(office.runtime), "_wanted_no_more", lambda *_: lambda: True)
    office.runtime.run(first_step(job).id)
    assert (first_step(job).status, first_step(job).retries) == (StepStatus.READY, 0)
    monkeypatch.undo()
    assert again(document).status == "reading"


def test_deleting_while_reading_ends_without_a_document(office: Office, collection: str) -> None:
    document = store(collection, prose(300))
    job = submit.read(document.id)
    office.runtime.run(first_step(job).id)
    deletion = submit.delete_document(document.id)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    with reading() as session:
        for table in (DocumentRow, VersionRow, PageRow, ChunkRow):
            assert session.query(table).count() == 0
    assert office.index.count(collection) == 0
