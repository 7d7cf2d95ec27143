"""What a user may ask of jobs: cancel in every state, order, and why they wait."""

from typing import Any

import pytest
from fakes import Office, add_worker, first_step, new_collection, prose, read, set_step, store
from sqlalchemy import update

from ingest import library
from ingest.database import now, reading, writing
from ingest.passages import Scope
from workers import fleet, jobs, lifecycle, steps, submit
from workers.errors import JobNotFound, RpcHostAway
from workers.fleet import WORKER_SILENT_SECONDS
from workers.jobs import Job, JobFilter
from workers.states import JobKind, JobStatus, StepStatus
from workers.tables import JobRow, StepRow
from workers.wishes import Wish

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def collection() -> str:
    return new_collection()


def reading_job(collection: str, text: str = "On Monday.") -> Job:
    return submit.read(store(collection, text).id)


def running(collection: str, text: str = "On Monday.") -> tuple[Job, steps.Claim]:
    job = reading_job(collection, text)
    claim = steps.claim(first_step(job).id, "a", 60)
    assert claim is not None
    return job, claim


def document(job: Job) -> Any:
    with reading() as session:
        return library.document(session, str(job.document_id))


def test_what_never_began_is_cancelled_at_once_with_its_document(collection: str) -> None:
    job = reading_job(collection)
    first = jobs.cancel(job.id)
    assert first.status is JobStatus.CANCELLED
    assert first.finished_at is not None
    assert (first.error or {})["code"] == "cancelled"
    assert first.cancelled_after == 0
    assert jobs.cancel(job.id) == first
    assert first_step(job).status is StepStatus.CANCELLED
    assert (document(job).status, document(job).error["code"]) == ("failed", "cancelled")


def test_what_was_published_is_cancelled_at_once(collection: str) -> None:
    job = reading_job(collection)
    set_step(first_step(job).id, status=StepStatus.PUBLISHED)
    assert jobs.cancel(job.id).status is JobStatus.CANCELLED
    assert steps.claim(first_step(job).id, "a", 60) is None


def test_what_runs_is_cancelled_when_its_last_step_has_stopped(collection: str) -> None:
    job, claim = running(collection)
    first = jobs.cancel(job.id)
    assert (first.status, first.finished_at) == (JobStatus.CANCELLING, None)
    assert jobs.cancel(job.id) == first
    with steps.fenced(claim.step) as session:
        ended = lifecycle.put_back(session, claim.step, None)
    assert ended is not None
    assert ended.status is JobStatus.CANCELLED
    assert first_step(job).status is StepStatus.CANCELLED
    assert document(job).error["code"] == "cancelled"


@pytest.mark.parametrize("end", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_what_has_ended_stays_as_it_is(collection: str, end: JobStatus) -> None:
    job = reading_job(collection)
    with writing() as session:
        row = session.get_one(JobRow, job.id)
        row.status, row.finished_at = end, 12.0
    assert jobs.cancel(job.id) == jobs.get(job.id)
    assert (jobs.get(job.id).status, jobs.get(job.id).cancel_requested_at) == (end, None)


def test_cancelling_ends_even_if_the_worker_died(collection: str) -> None:
    job, claim = running(collection)
    jobs.cancel(job.id)
    set_step(claim.step.id, lease_until=0.0)
    with writing() as session:
        (ended,) = lifecycle.reclaim(session)
    assert ended.status is JobStatus.CANCELLED
    assert first_step(job).status is StepStatus.CANCELLED


def test_a_deletion_can_not_be_cancelled(collection: str) -> None:
    job = reading_job(collection)
    deletion = submit.delete_document(str(job.document_id))
    assert jobs.cancel(deletion.id).status is JobStatus.QUEUED
    assert first_step(deletion).status is StepStatus.READY
    assert submit.delete_collection(collection).status is JobStatus.QUEUED
    assert jobs.get(deletion.id).status is JobStatus.QUEUED


def test_unknown_jobs_are_not_found() -> None:
    for ask in (jobs.get, jobs.cancel, jobs.steps_of, lambda each: jobs.prioritise(each, 1)):
        with pytest.raises(JobNotFound):
            ask("job_none")


def test_the_front_is_before_everything_that_waits_on_the_lane(collection: str) -> None:
    ids = [reading_job(collection, f"On day {day}.").id for day in range(3)]
    jobs.prioritise(ids[0], 5)
    question = submit.question(Scope(collection), "When?", None, wish=Wish(99))
    moved = jobs.prioritise(ids[2], None)
    assert (moved.priority, moved.waiting and moved.waiting.position) == (6, 1)
    assert jobs.prioritise(ids[2], None).priority == 6
    assert jobs.prioritise(question.id, None).priority == 99
    assert jobs.prioritise(ids[2], -3).priority == -3


def test_a_queued_job_says_why_it_waits(collection: str) -> None:
    first, second = (reading_job(collection, f"On day {day}.") for day in range(2))
    waiting = jobs.get(second.id).waiting
    assert waiting is not None
    assert (waiting.reason, waiting.position) == ("no_worker", 2)
    add_worker()
    waiting = jobs.get(second.id).waiting
    assert waiting is not None
    assert (waiting.reason, waiting.position) == ("queued", 2)
    assert waiting.message == "Number 2 in the batch lane."
    jobs.prioritise(second.id, 1)
    assert [jobs.get(each.id).waiting.position for each in (first, second)] == [2, 1]
    question = submit.question(Scope(collection), "When?", None)
    assert jobs.get(question.id).waiting.position == 1
    with reading() as session:
        silent = now(session) - WORKER_SILENT_SECONDS - 1
    add_worker(seen_at=silent)
    assert jobs.get(first.id).waiting.reason == "no_worker"
    steps.claim(first_step(first).id, "a", 60)
    assert jobs.get(first.id).waiting is None


def test_a_running_job_that_nobody_is_left_to_go_on_with_says_so(collection: str) -> None:
    job = reading_job(collection, "On day one.")
    claim = steps.claim(first_step(job).id, "a", 60)
    assert claim is not None
    assert jobs.get(job.id).waiting is None
    with steps.fenced(claim.step) as session:
        lifecycle.put_back(session, claim.step, None)
    fleet.note_fault(RpcHostAway(host="10.0.0.2:50052", reason="Connection refused"))
    found = jobs.get(job.id)
    assert (found.status, found.waiting and found.waiting.reason) == ("running", "no_worker")
    assert found.waiting is not None
    assert "10.0.0.2:50052" in found.waiting.message
    add_worker()
    assert jobs.get(job.id).waiting is None


def test_when_a_job_starts_is_told_by_how_fast_the_lane_goes_on(collection: str) -> None:
    office = Office()
    add_worker(batch=2)
    first, second = (reading_job(collection, f"On day {day}.") for day in range(2))
    assert jobs.get(first.id).waiting.starts_in is None
    office.work(reading_job(collection, "Done."))
    with writing() as session:
        session.execute(
            update(StepRow)
            .where(StepRow.status == StepStatus.DONE)
            .values(started_at=0.0, finished_at=6.0)
        )
    assert [jobs.get(each.id).waiting.starts_in for each in (first, second)] == [3.0, 6.0]


def test_jobs_are_listed_newest_first_by_what_is_wanted(collection: str) -> None:
    made = [reading_job(collection, f"On day {day}.") for day in range(3)]
    question = submit.question(Scope(collection), "When?", None)
    jobs.cancel(made[0].id)
    assert [job.id for job in jobs.listing(JobFilter(limit=2))] == [question.id, made[2].id]
    for wanted, ids in (
        (JobFilter(kind=JobKind.QUESTION), [question.id]),
        (JobFilter(status=JobStatus.CANCELLED), [made[0].id]),
        (JobFilter(document_id=made[1].document_id), [made[1].id]),
        (JobFilter(collection_id="col_other"), []),
    ):
        assert [job.id for job in jobs.listing(wanted)] == ids


def test_steps_come_in_the_order_they_were_planned(collection: str) -> None:
    office = Office(chunk_tokens=20)
    made = read(office, collection, prose(300))
    job = jobs.listing(JobFilter(kind=JobKind.READ, document_id=made.id))[0]
    planned = [(step.kind, step.ordinal) for step in jobs.steps_of(job.id)]
    assert planned == [("parse", 0), *(("embed", place) for place in range(len(planned) - 1))]
    assert len(planned) > 2
    public = jobs.steps_of(job.id)[1].public()
    assert set(public) == {
        "id", "kind", "ordinal", "status", "claims", "lost", "retries", "started_at",
        "finished_at", "error",
    }  # fmt: skip
