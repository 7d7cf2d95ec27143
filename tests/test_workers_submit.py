"""What may be asked of the workers, and that nothing asked is lost."""

import pytest
from fakes import Office, first_step, new_collection, read, store

from ingest.database import reading, writing
from ingest.errors import CollectionNotFound, DocumentNotFound
from ingest.passages import Scope
from ingest.tables import DocumentRow, DocumentStatus
from workers import jobs, openings, steps, submit
from workers.errors import ConversationNotFound, DocumentNotReady
from workers.jobs import Job, JobFilter
from workers.kinds import KINDS
from workers.states import JobKind, JobStatus, Lane
from workers.tables import JobRow
from workers.wishes import Wish

pytestmark = pytest.mark.usefixtures("migrated")  # and no Redis anywhere


@pytest.fixture
def collection() -> str:
    return new_collection()


def everything(collection: str) -> list[Job]:
    document = read(Office(), collection, "On Monday.", "ready.txt")
    other = read(Office(), collection, "On Friday.", "other.txt")
    return [
        submit.read(store(collection, "On Tuesday.").id),
        submit.summary(document.id, wish=Wish(priority=2)),
        submit.digest([document.id, read(Office(), collection, "More.", "b.txt").id]),
        submit.extract([document.id], {"type": "object", "properties": {"day": {}}}),
        submit.summary(document.id, dry_run=True),
        submit.question(Scope(collection), "When?", None, wish=Wish(priority=1)),
        submit.search(Scope(collection), "Monday", 3),
        submit.compare(submit.Compared([(document.id, None), (other.id, None)])),
        submit.reindex(collection),
        submit.delete_document(document.id),
    ]


def test_every_kind_begins_with_a_step_that_somebody_can_run(collection: str) -> None:
    made = everything(collection)
    assert {job.kind for job in made} == set(JobKind)
    for job in made:
        step = first_step(job)
        assert step.kind in KINDS[job.kind].runners
        assert step.lane is job.lane
    lanes = {job.kind: job.lane for job in made}
    people = (JobKind.QUESTION, JobKind.SEARCH, JobKind.ESTIMATE)
    assert {lanes[kind] for kind in people} == {Lane.INTERACTIVE}
    assert lanes[JobKind.SUMMARY] is lanes[JobKind.READ] is Lane.BATCH
    assert lanes[JobKind.EXTRACT] is Lane.BATCH
    wanted = {JobKind.SUMMARY: 2, JobKind.QUESTION: 1}
    assert [job.priority for job in made] == [wanted.get(job.kind, 0) for job in made]


def test_without_redis_everything_waits_in_the_database_and_is_done_later(collection: str) -> None:
    made = everything(collection)
    Office().work()
    # with their document
    gone = [JobKind.SUMMARY, JobKind.DIGEST, JobKind.ESTIMATE, JobKind.COMPARE, JobKind.EXTRACT]
    status = {job.kind: jobs.get(job.id).status for job in made if job.kind not in gone}
    assert set(status.values()) == {JobStatus.SUCCEEDED}
    with pytest.raises(jobs.JobNotFound):  # the deletion took it along
        jobs.get(made[1].id)


def test_nothing_is_asked_of_what_is_not_there(collection: str) -> None:
    for ask in (submit.read, submit.summary, submit.delete_document):
        with pytest.raises(DocumentNotFound):
            ask("doc_none")
    for ask in (
        lambda: submit.question(Scope("col_none"), "When?", None),
        lambda: submit.search(Scope("col_none"), "When?", 3),
        lambda: submit.delete_collection("col_none"),
    ):
        with pytest.raises(CollectionNotFound):
            ask()
    with pytest.raises(ConversationNotFound):
        submit.question(Scope(collection), "When?", "conv_none")
    assert jobs.listing(JobFilter()) == []


@pytest.mark.parametrize(
    "status", [DocumentStatus.WAITING, DocumentStatus.READING, DocumentStatus.FAILED]
)
def test_only_what_has_been_read_is_summarised(collection: str, status: DocumentStatus) -> None:
    document = store(collection, "On Monday.")
    with writing() as session:
        session.get_one(DocumentRow, document.id).status = status
    with pytest.raises(DocumentNotReady):
        submit.summary(document.id)


def test_deleting_hides_a_document_and_stops_what_works_on_it(collection: str) -> None:
    document = store(collection, "On Monday.")
    waits, runs = submit.read(document.id), submit.read(document.id)
    other = submit.read(store(collection, "On Tuesday.").id)
    steps.claim(first_step(runs).id, "a", 60)
    submit.delete_document(document.id)
    status = [jobs.get(job.id).status for job in (waits, runs, other)]
    assert status == [JobStatus.CANCELLED, JobStatus.CANCELLING, JobStatus.QUEUED]
    for ask in (submit.read, submit.summary, submit.delete_document):
        with pytest.raises(DocumentNotFound):
            ask(document.id)
    with reading() as session:
        assert session.get_one(DocumentRow, document.id).status == DocumentStatus.DELETING


def test_deleting_a_collection_stops_its_questions_too(collection: str) -> None:
    asked = submit.question(Scope(collection), "When?", None)
    sought = submit.search(Scope(collection), "Monday", 3)
    elsewhere = submit.question(Scope(new_collection("Other")), "When?", None)
    steps.claim(first_step(sought).id, "a", 60)
    submit.delete_collection(collection)
    status = [jobs.get(job.id).status for job in (asked, sought, elsewhere)]
    assert status == [JobStatus.CANCELLED, JobStatus.CANCELLING, JobStatus.QUEUED]
    with pytest.raises(CollectionNotFound):
        submit.delete_collection(collection)
    assert new_collection("Minutes") != collection  # its name is free again


def test_a_wish_that_fails_half_way_leaves_nothing(
    collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "new_step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit.question(Scope(collection), "When?", None)
    with reading() as session:
        assert session.query(JobRow).count() == 0
