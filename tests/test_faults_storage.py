"""Disks that are full, a database that is locked or loses its writer: nothing is half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import Office, first_step, new_collection, store
from fastapi.testclient import TestClient
from fleet import ROOT, Fleet, until
from mishaps import (
    claims,
    kept,
    largest_file,
    locked,
    no_room,
    note,
    refused,
    summary_at_work,
    whole,
)
from sqlalchemy import event, text

from ingest import blobs, database, library, orphans
from ingest.database import reading
from ingest.vectors import VectorIndex
from workers import jobs, submit
from workers.states import JobStatus

pytestmark = pytest.mark.faults

LOCKED_SECONDS = 60.0
MEGABYTE = 1 << 20


@pytest.mark.slow
@pytest.mark.faults(10)
def test_an_upload_that_finds_no_room_is_refused_whole(staffed: Fleet) -> None:
    """The full disk is simulated by a limit on the size of the process's files."""
    staffed.one_worker()
    collection = staffed.new_collection("No room for a file")
    before, room = kept(staffed), largest_file(staffed.data) + MEGABYTE
    content = b"All work and no play. " * ((room + MEGABYTE) // 22)
    with no_room(staffed.service, room):
        answer = staffed.upload(collection, good_txt=b"Good.", large_txt=content)
    assert refused(answer) == (507, "storage_full", True)
    assert staffed.get(f"/v1/collections/{collection}/documents")["documents"] == []
    assert kept(staffed) == before
    assert staffed.ended(note(staffed, collection, good_txt=b"Good."))["status"] == "succeeded"


@pytest.mark.slow
@pytest.mark.faults(10)
def test_a_database_that_can_not_be_written_is_not_corrupted(staffed: Fleet) -> None:
    """Simulated as above: not a byte of any file can be written."""
    worker = staffed.one_worker()
    collection = staffed.new_collection("No room for a row")
    with no_room(staffed.service):
        answer = staffed.client.post("/v1/collections", json={"name": "Not made"})
        assert refused(answer) == (503, "database_unavailable", True)
    with no_room(worker), no_room(staffed.chroma):
        job = note(staffed, collection)
        time.sleep(5)
        assert not staffed.job(job)["finished_at"]
    staffed.renew_chroma()
    assert staffed.ended(job)["status"] == "succeeded"
    assert "Not made" not in [one["name"] for one in staffed.get("/v1/collections")["collections"]]
    assert whole(staffed)
    assert worker.poll() is None


@pytest.mark.faults(10)
def test_a_full_database_says_so_and_takes_what_comes_later(client: TestClient) -> None:
    """Simulated by SQLite's own limit on the number of its pages."""

    def write(place: int) -> int:
        return client.post("/v1/collections", json={"name": f"{place} " * 60}).status_code

    engine = database.engine()
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))
    engine.dispose()
    statuses = [write(place) for place in range(300)]
    first_refused = statuses.index(507)
    assert set(statuses[:first_refused]) == {201}
    assert client.get("/v1/collections").status_code == 200
    assert refused(client.post("/v1/collections", json={"name": "x" * 200}))[1] == "storage_full"
    with reading() as session:
        session.execute(text("PRAGMA max_page_count = 1000000"))
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


@pytest.mark.faults(10)
def test_a_step_that_finds_the_database_full_is_tried_again(migrated: Path) -> None:
    """Simulated by SQLite's own limit on the number of its pages."""
    office, pages = Office(), ["1"]
    job = submit.read(store(new_collection(), "The meeting was on Monday. " * 2_000).id)
    engine = database.engine()
    event.listen(
        engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages[-1]}")
    )
    engine.dispose()
    office.runtime.run(first_step(job).id)
    step = first_step(job)
    assert (step.status, step.retries, step.error and step.error["code"]) == (
        "ready",
        1,
        "database_unavailable",
    )
    pages.append("1000000")
    engine.dispose()
    with database.writing() as session:
        session.execute(text("UPDATE steps SET not_before = 0"))
    office.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED


@pytest.mark.slow
@pytest.mark.faults(11)
def test_a_database_that_is_locked_for_a_minute_is_waited_for(staffed: Fleet) -> None:
    staffed.one_worker()
    job = summary_at_work(staffed)
    with locked(staffed):
        began = time.monotonic()
        answer = staffed.client.post("/v1/collections", json={"name": "Too soon"})
        assert refused(answer) == (503, "database_unavailable", True)
        assert staffed.get("/v1/jobs")["jobs"]
        time.sleep(max(0.0, began + LOCKED_SECONDS - time.monotonic()))
    assert staffed.ended(job)["status"] == "succeeded"
    assert set(claims(staffed, job)) == {("done", 1, 0)}
    assert staffed.client.post("/v1/collections", json={"name": "Now"}).status_code == 201


CRASH = """
import os, signal, sys
from ingest import library
from ingest.blobs import Intake
from ingest.database import writing
from ingest.records import Original
intake = Intake()
intake.write(b"Nobody will know me.")
with writing() as session:
    library.add(session, sys.argv[1], Original("a.txt", "text/plain", intake.sha256, intake.size))
    print(intake.commit(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.faults(12)
def test_a_crash_between_file_and_row_leaves_a_file_that_is_swept(migrated: Path) -> None:
    collection = new_collection()
    known = [store(collection, f"Known {number}.") for number in range(2)]
    command = [sys.executable, "-c", CRASH, collection]
    died = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    orphan = died.stdout.decode().strip()
    assert blobs.exists(orphan)
    with reading() as session:
        assert len(library.documents(session, collection)) == len(known)
    assert orphans.remove() == 0  # it might be on its way in
    assert orphans.remove(older_than=0) == 1
    assert not blobs.exists(orphan)
    for document in known:
        assert document.version is not None
        assert blobs.exists(document.version.sha256)
    assert store(collection, b"Nobody will know me.").version
    assert blobs.exists(orphan)


@pytest.mark.slow
@pytest.mark.faults(10)
def test_an_index_that_finds_no_room_is_tried_again(staffed: Fleet) -> None:
    """Simulated as above."""
    staffed.one_worker()
    collection = staffed.new_collection("No room in the index")
    with no_room(staffed.chroma):
        job = note(staffed, collection)
        until(lambda: any(step["retries"] for step in staffed.steps(job)), "it is put off")
    staffed.renew_chroma()
    assert staffed.ended(job)["status"] == "succeeded"
    (document,) = staffed.get(f"/v1/collections/{collection}/documents")["documents"]
    version = document["version"]["id"]
    ((chunks,),) = staffed.sql("SELECT count(*) FROM chunks WHERE version_id = ?", version)
    assert VectorIndex(staffed.chroma_url).count(collection) == chunks
