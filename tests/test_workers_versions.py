"""A new version is read beside the old one and takes its place; the old one's citations open."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Office, first_step, new_collection, prose, read, ready_steps, set_step
from test_workers_deletion import chroma_url as chroma_url  # noqa: PLC0414 - the fixture

from ingest import blobs, library, versions
from ingest.blobs import Intake
from ingest.database import reading, writing
from ingest.errors import IndexUnavailable
from ingest.passages import Scope
from ingest.records import Document, Original, Version
from ingest.search import find
from ingest.tables import ChunkRow, EmbeddingRow, PageRow, VersionRow
from ingest.vectors import VectorIndex
from workers import jobs, submit
from workers.jobs import Job
from workers.states import JobStatus
from workers.submit import Compared

pytestmark = pytest.mark.usefixtures("migrated")

OLD, NEW = prose(80), prose(80).replace("harbour40w", "quay40w")


@pytest.fixture
def office() -> Office:
    """With a small model, whose sections are short."""
    office = Office()
    language = replace(office.tools.language, small=True)
    office.runtime._tools = replace(office.tools, language=language)
    return office


@pytest.fixture
def document(office: Office) -> Document:
    return read(office, new_collection(), OLD)


def put(document: Document, content: str | bytes) -> tuple[Version, Job]:
    """A new version with the job that reads it."""
    intake = Intake()
    intake.write(content.encode() if isinstance(content, str) else content)
    original = Original("b.txt", "text/plain", intake.sha256, intake.size)
    with writing() as session:
        version, _ = versions.add(session, document.id, original)
        intake.commit()
    return version, submit.read(document.id, version.id)


def seen(document: Document) -> Document:
    with reading() as session:
        return library.document(session, document.id)


def found(office: Office, document: Document, word: str, alone: bool = False) -> set[str]:
    scope = Scope(document.collection_id, document.id if alone else None)
    findings = find(scope, word, 5, office.tools.means)
    return {one.version_id for one in findings.passages}


def indexed(office: Office, document: Document) -> set[str]:
    return {one.version_id for one in office.index.entries[document.collection_id].values()}


def test_the_old_version_is_found_until_the_new_one_takes_its_place(
    office: Office, document: Document
) -> None:
    version, job = put(document, NEW)
    while not jobs.get(job.id).finished:
        before = seen(document)
        assert before.status == "ready"
        for alone in (True, False):
            assert found(office, document, "harbour3w3", alone) == {before.version.id}
        office.runtime.run(ready_steps(job)[0])
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    assert [step.kind for step in jobs.steps_of(job.id)][-1] == "replace"
    after = seen(document)
    assert (after.version.id, after.version.number) == (version.id, 2)
    assert after.name == "a.txt"
    assert found(office, document, "quay40w3") == {version.id}
    assert indexed(office, document) == {version.id}


def test_citations_of_the_old_version_open(office: Office, document: Document) -> None:
    _, job = put(document, NEW)
    office.work(job)
    with reading() as session:
        page = library.page(session, document.id, 1, document.version.id)
        chunks = session.query(ChunkRow.id).filter_by(version_id=document.version.id)
        vectors = session.query(EmbeddingRow).filter(EmbeddingRow.chunk_id.in_(chunks))
        assert {vector.indexed for vector in vectors} == {False}
    assert page.text.startswith("harbour0w0")


@pytest.mark.parametrize("content", [b" \n" * 50, b"One line.\f" * 6_000])
def test_a_version_that_can_not_be_read_changes_nothing(
    office: Office, document: Document, content: bytes
) -> None:
    version, job = put(document, content)
    office.work(job)
    assert jobs.get(job.id).status is JobStatus.FAILED
    assert seen(document) == document
    assert found(office, document, "harbour3w3") == {document.version.id}
    with reading() as session:
        assert session.get(VersionRow, version.id) is None
        assert session.query(PageRow).filter_by(version_id=version.id).count() == 0
    assert not blobs.exists(version.sha256)
    assert blobs.exists(document.version.sha256)


def test_cancelling_the_reading_leaves_the_old_version(office: Office, document: Document) -> None:
    version, job = put(document, NEW)
    for _ in range(2):
        office.runtime.run(ready_steps(job)[0])
    jobs.cancel(job.id)
    assert seen(document) == document
    assert not blobs.exists(version.sha256)
    assert found(office, document, "harbour3w3", alone=True) == {document.version.id}
    again, job = put(document, NEW)
    office.work(job)
    assert (seen(document).version.id, again.number) == (again.id, 2)
    assert indexed(office, document) == {again.id}


def test_an_index_that_is_away_delays_tidying_only(
    office: Office, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, job = put(document, NEW)

    def away(*_given: object) -> None:
        raise IndexUnavailable

    while "replace" not in [step.kind for step in jobs.steps_of(job.id)]:
        office.runtime.run(ready_steps(job)[0])
    with monkeypatch.context() as patched:
        patched.setattr(office.index, "keep_versions", away)
        office.work(job)
    step = next(step for step in jobs.steps_of(job.id) if step.kind == "replace")
    assert (step.status, step.error["code"]) == ("ready", "index_unavailable")
    assert seen(document).version.id == version.id
    assert found(office, document, "quay40w3") == {version.id}
    set_step(step.id, not_before=0.0)
    office.work(job)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    assert indexed(office, document) == {version.id}


def test_cancelled_after_it_took_its_place_it_keeps_it(office: Office, document: Document) -> None:
    version, job = put(document, NEW)
    while "replace" not in [step.kind for step in jobs.steps_of(job.id)]:
        office.runtime.run(ready_steps(job)[0])
    step = next(step for step in jobs.steps_of(job.id) if step.kind == "replace")
    with writing() as session:
        versions.show(session, version.id, versions.Extent(1, 10, []))
    set_step(step.id, not_before=0.0)
    jobs.cancel(job.id)
    assert seen(document).version.id == version.id
    assert blobs.exists(version.sha256)


def test_only_changed_sections_of_a_new_version_are_summarised(
    office: Office, document: Document
) -> None:
    first = submit.summary(document.id)
    office.work(first)
    before = jobs.get(first.id).result or {}
    _, job = put(document, NEW)
    office.work(job)
    asked = len(office.model.asked)
    second = submit.summary(document.id)
    office.work(second)
    result = jobs.get(second.id).result or {}
    sections = [one for one in result["sections"] if one["level"] == 0]
    changed = [one for one in sections if not one["reused"]]
    assert before["steps_reused"] == 0
    assert result["steps_reused"] >= len(sections) - 2 >= 2
    assert 1 <= len(changed) <= 2
    assert len(office.model.asked) - asked < asked
    # The older summary says by its version that it is of an older text.
    assert first.params["versions"] == [[document.id, document.version.id]]
    assert second.params["versions"] == [[document.id, seen(document).version.id]]


def test_two_versions_of_a_document_are_compared(office: Office, document: Document) -> None:
    version, job = put(document, OLD.replace("harbour40w7 ", "harbour41w7 "))
    office.work(job)
    sides = [(document.id, document.version.id), (document.id, version.id)]
    comparing = submit.compare(Compared(sides))
    assert comparing.document_id == document.id
    office.work(comparing)
    result = jobs.get(comparing.id).result or {}
    assert result["counts"] == {"agrees": 79, "differs": 1, "only": [0, 0]}
    assert result["differs"][0]["changed"] == [["40", "41"]]
    assert [one["version"] for one in result["documents"]] == [1, 2]
    assert result["overview"].splitlines()[0].endswith("a.txt v1 0, a.txt v2 0.")
    submit.delete_document(document.id)
    office.work()
    with pytest.raises(jobs.JobNotFound):
        jobs.get(comparing.id)


def test_everything_of_all_versions_is_erased(
    office: Office, document: Document, data_folder: Path
) -> None:
    version, job = put(document, NEW)
    office.work(job)
    submit.delete_document(document.id)
    office.work()
    with reading() as session:
        for table in (VersionRow, PageRow, ChunkRow):
            assert session.query(table).count() == 0
    for each in (document.version, version):
        assert not blobs.exists(each.sha256)
    assert office.index.count(document.collection_id) == 0


def test_a_worker_lost_in_the_middle_costs_nothing(office: Office, document: Document) -> None:
    version, job = put(document, NEW)
    set_step(first_step(job).id, status="running", lease_until=0.0, fence=1, claims=1)
    office.runtime._look_around()
    office.work(job)
    assert seen(document).version.id == version.id
    assert indexed(office, document) == {version.id}


@pytest.mark.usefixtures("redis_url")
def test_a_real_index_keeps_the_current_version_only(chroma_url: str) -> None:
    office = Office(VectorIndex(chroma_url))
    document = read(office, new_collection(), OLD)
    other = read(office, document.collection_id, prose(20, topic="quay"), "other.txt")
    version, job = put(document, prose(40))
    office.work(job)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    with reading() as session:
        own = (version.id, other.version.id)
        chunks = session.query(ChunkRow).filter(ChunkRow.version_id.in_(own)).count()
    assert office.index.count(document.collection_id) == chunks
    assert found(office, document, "harbour3w3", alone=True) == {version.id}
