"""What an archive or a mail holds becomes documents, once, whatever comes between."""

import io
import zipfile

import pytest
from fakes import Office, first_step, new_collection, ready_steps, set_step, store

from ingest import library
from ingest.database import reading
from ingest.records import Document
from workers import jobs, submit
from workers.jobs import Job
from workers.states import JobKind, JobStatus, StepStatus

pytestmark = pytest.mark.usefixtures("migrated")
MAIL = b"""From: a@example.com
Subject: minutes
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Please find them attached.
--b
Content-Disposition: attachment; filename="minutes.md"

# Minutes

The pier was closed.
--b--
"""


def archive(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        for name, content in files.items():
            target.writestr(name.replace("_", "."), content)
    return made.getvalue()


def read(office: Office, document: Document) -> Job:
    job = submit.read(document.id)
    office.work()
    return jobs.get(job.id)


def listed(collection: str) -> dict[str, str]:
    with reading() as session:
        return {one.name: one.status for one in library.documents(session, collection)}


def test_files_of_an_archive_become_documents_that_are_read() -> None:
    office, collection = Office(), new_collection()
    data = archive(
        a_txt=b"first words", mail_eml=MAIL, bad_exe=b"MZ\0\1" * 50, again_txt=b"first words"
    )
    job = read(office, store(collection, data, "all.zip"))
    assert job.status is JobStatus.SUCCEEDED
    assert job.result
    told = {one["path"]: one for one in job.result["members"]}
    assert told["bad.exe"]["error"]["code"] == "unsupported_type"
    assert told["again.txt"] == {**told["a.txt"], "path": "again.txt", "duplicate": True}
    assert listed(collection) == {
        "all.zip": "ready", "a.txt": "ready", "mail.eml": "ready", "minutes.md": "ready",
    }  # fmt: skip
    (inner,) = jobs.listing(jobs.JobFilter(document_id=told["mail.eml"]["document_id"]))
    assert inner.params == {"inside": True}
    assert inner.result
    assert "members" not in inner.result


def test_a_mail_brings_its_attachments() -> None:
    office, collection = Office(), new_collection()
    job = read(office, store(collection, MAIL, "minutes.eml"))
    assert job.result
    assert [one["path"] for one in job.result["members"]] == ["minutes.md"]
    assert listed(collection) == {"minutes.eml": "ready", "minutes.md": "ready"}


def test_unpacking_again_adds_nothing() -> None:
    office, collection = Office(), new_collection()
    document = store(collection, archive(a_txt=b"first words", b_txt=b"others"), "all.zip")
    job = submit.read(document.id)
    office.work(job)
    unpack = next(step for step in jobs.steps_of(job.id) if step.kind == "unpack")
    before = len(ready_steps())
    set_step(unpack.id, status=StepStatus.READY, output=None)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    office.work()
    read(office, document)
    assert len(listed(collection)) == 3
    readings = jobs.listing(jobs.JobFilter(kind=JobKind.READ, limit=100))
    assert len(readings) == 4  # two of the archive, one of each file
    assert before == 2


def test_an_archive_that_cannot_be_opened_fails_alone() -> None:
    office, collection = Office(), new_collection()
    job = read(office, store(collection, archive(a_txt=b"words")[:-10], "all.zip"))
    assert job.error
    assert job.error["code"] == "damaged_document"
    assert first_step(job).kind == "parse"
    assert listed(collection) == {"all.zip": "failed"}
