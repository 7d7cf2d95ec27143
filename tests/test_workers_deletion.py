"""Deleting: every trace of a document goes, and nothing else does. With a real Chroma server."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes import Office, first_step, new_collection, prose, read, set_step

from ingest import blobs, library
from ingest.database import reading, writing
from ingest.errors import IndexUnavailable
from ingest.passages import Scope
from ingest.tables import ChunkRow, CollectionRow, DocumentRow, PageRow, VersionRow
from ingest.vectors import VectorIndex
from workers import events, jobs, steps, submit
from workers.jobs import Job
from workers.states import JobStatus, StepStatus
from workers.tables import (
    CheckpointRow,
    ConversationRow,
    JobDocumentRow,
    JobRow,
    StepRow,
    TurnRow,
)

pytestmark = pytest.mark.usefixtures("migrated", "redis_url")


@pytest.fixture(scope="module")
def chroma_url() -> Iterator[str]:
    """A real Chroma server on a free port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lectern-") as folder:
        program = Path(sys.executable).with_name("chroma")
        command = [str(program), "run", "--host", "127.0.0.1", f"--port={port}", "--path", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
            while not answers(url):
                assert process.poll() is None, "Chroma ended"
                assert time.monotonic() < deadline, "Chroma did not start in time"
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def office(chroma_url: str) -> Office:
    return Office(VectorIndex(chroma_url))


@pytest.fixture
def collection() -> str:
    return new_collection()


def used(office: Office, document: library.Document, word: str) -> list[Job]:
    """Every kind of job that makes something of a document."""
    collection = document.collection_id
    made = [
        submit.summary(document.id),
        submit.question(Scope(collection), f"What about {word}1w1 {word}1w2?", None),
        submit.search(Scope(collection), f"{word}2w2", 1),
    ]
    office.work()
    assert [jobs.get(job.id).status for job in made] == [JobStatus.SUCCEEDED] * 3
    return made


def rows(table: type) -> int:
    with reading() as session:
        return session.query(table).count()


def streams() -> set[str]:
    return set(events._client().scan_iter("lectern:events:*"))


def everything_said() -> str:
    """All that stands in the database, as one text."""
    with reading() as session:
        connection = session.connection()
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        )
        found = [
            connection.exec_driver_sql(f'SELECT * FROM "{table}"').fetchall()
            for (table,) in tables.fetchall()
        ]
    return repr(found)


def holding(folder: Path, words: bytes) -> list[str]:
    """Files in which the words still stand, deleted or not."""
    return [str(f) for f in folder.rglob("*") if f.is_file() and words in f.read_bytes()]


def test_nothing_is_left_of_a_deleted_document(
    office: Office, collection: str, data_folder: Path
) -> None:
    document = read(office, collection, prose(30, topic="secret"))
    made = used(office, document, "secret")
    assert document.version is not None
    assert office.index.count(collection) > 0
    assert "secret1w1" in everything_said()
    assert holding(data_folder, b"secret1w1")
    assert {events._stream(job.id) for job in made} <= streams()

    deletion = submit.delete_document(document.id)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    for table in (DocumentRow, VersionRow, PageRow, ChunkRow, CheckpointRow, JobDocumentRow):
        assert rows(table) == 0, table
    for table in (ConversationRow, TurnRow):
        assert rows(table) == 0, table
    assert (rows(JobRow), rows(StepRow)) == (1, 1)
    assert "secret" not in everything_said()
    assert not holding(data_folder, b"secret1w1")
    assert office.index.count(collection) == 0
    assert not blobs.exists(document.version.sha256)
    assert not {events._stream(job.id) for job in made} & streams()


def test_other_documents_keep_everything(office: Office, collection: str) -> None:
    gone = read(office, collection, prose(20, topic="gone"), "gone.txt")
    kept = read(office, collection, prose(20, topic="kept"), "kept.txt")
    others = submit.summary(kept.id)
    office.work()
    chunks = [chunk.id for chunk in chunks_of(kept)]
    submit.delete_document(gone.id)
    office.work()
    assert office.index.count(collection) == len(chunks)
    assert [chunk.id for chunk in chunks_of(kept)] == chunks
    assert jobs.get(others.id).result
    assert kept.version is not None
    assert blobs.exists(kept.version.sha256)
    assert rows(CheckpointRow) == len(jobs.steps_of(others.id)) - 1


def chunks_of(document: library.Document) -> list[ChunkRow]:
    assert document.version is not None
    with reading() as session:
        return list(session.query(ChunkRow).filter_by(version_id=document.version.id))


def test_a_conversation_keeps_its_other_turns(office: Office, collection: str) -> None:
    gone = read(office, collection, prose(3, topic="gone"), "gone.txt")
    about = submit.question(Scope(collection), "What about gone1w1 gone1w2 gone1w3?", None)
    office.work()
    read(office, new_collection("Other"), prose(3, topic="kept"), "kept.txt")
    conversation = str(about.params["conversation_id"])
    with writing() as session:
        session.add(
            JobRow(
                id="job_other",
                kind="question",
                status="succeeded",
                lane="interactive",
                collection_id=collection,
                params={},
                progress={},
                created_at=0.0,
            )
        )
        session.flush()
        session.add(
            TurnRow(
                job_id="job_other", conversation_id=conversation, question="Hello?", created_at=0.0
            )
        )
    submit.delete_document(gone.id)
    office.work()
    with reading() as session:
        assert [turn.question for turn in session.query(TurnRow)] == ["Hello?"]
        assert session.get(ConversationRow, conversation) is not None


def test_the_bytes_stay_while_another_collection_has_them(office: Office, collection: str) -> None:
    text = prose(3)
    first = read(office, collection, text)
    second = read(office, new_collection("Other"), text)
    assert first.version is not None
    submit.delete_document(first.id)
    office.work()
    assert blobs.exists(first.version.sha256)
    submit.delete_document(second.id)
    office.work()
    assert not blobs.exists(first.version.sha256)


def test_nothing_is_left_of_a_deleted_collection(office: Office, collection: str) -> None:
    for topic in ("one", "two"):
        used(office, read(office, collection, prose(8, topic=topic), f"{topic}.txt"), topic)
    other = read(office, new_collection("Other"), prose(8, topic="kept"))
    refused = submit.question(Scope(collection), "Who?", None)
    deletion = submit.delete_collection(collection)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    with pytest.raises(jobs.JobNotFound):
        jobs.get(refused.id)
    assert (rows(CollectionRow), rows(DocumentRow), rows(ConversationRow)) == (1, 1, 0)
    said = everything_said()
    assert "one1w1" not in said
    assert "two1w1" not in said
    assert office.index.count(collection) == 0
    assert office.index.count(other.collection_id) == len(chunks_of(other))
    assert new_collection("Minutes")


def test_who_still_works_on_a_document_is_waited_for(office: Office, collection: str) -> None:
    document = read(office, collection, prose(60, topic="secret"))
    job = submit.summary(document.id)
    claim = steps.claim(first_step(job).id, "elsewhere", 60)
    assert claim is not None
    deletion = submit.delete_document(document.id)
    office.work()
    step = first_step(deletion)
    assert (step.status, step.error["code"]) == (StepStatus.READY, "still_in_use")
    assert rows(ChunkRow) > 0
    set_step(claim.step.id, status=StepStatus.CANCELLED)
    set_step(step.id, not_before=0.0)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    assert "secret" not in everything_said()


def test_a_crash_before_the_commit_is_made_good(
    office: Office, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read(office, collection, prose(10, topic="secret"))
    made = used(office, document, "secret")
    assert document.version is not None
    deletion = submit.delete_document(document.id)
    real = blobs.delete

    def crash(sha256: str) -> None:
        real(sha256)
        raise IndexUnavailable

    monkeypatch.setattr(blobs, "delete", crash)
    office.work()
    assert first_step(deletion).status is StepStatus.READY
    monkeypatch.setattr(blobs, "delete", real)
    set_step(first_step(deletion).id, not_before=0.0)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    assert "secret" not in everything_said()
    assert not blobs.exists(document.version.sha256)
    assert not {events._stream(job.id) for job in made} & streams()
    assert jobs.get(deletion.id).result == {"document_ids": [document.id], "jobs": 4}
