"""What becomes of a job when its steps end, in any order and after anything."""

from contextlib import suppress
from dataclasses import replace

import pytest
from fakes import Office, first_step, new_collection, read, set_step, store

from ingest.database import reading, writing
from ingest.errors import DamagedDocument, IndexUnavailable
from workers import events, jobs, lifecycle, steps, submit
from workers.jobs import Job
from workers.states import JobStatus, StepStatus
from workers.tables import JobRow

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What followers would hear: job and name of each event."""
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(events, "emit", lambda job_id, name, _: heard.append((job_id, name)))
    return heard


def two_running() -> tuple[Job, list[steps.Claim]]:
    """A summary two of whose sections run at once."""
    office = Office()
    collection = new_collection()
    document = read(office, collection, "word " * 9_000)
    job = submit.summary(document.id)
    office.runtime.run(first_step(job).id)
    sections = jobs.steps_of(job.id)[1:]
    assert len(sections) > 1
    claims = [steps.claim(step.id, "a", 60) for step in sections[:2]]
    return job, [claim for claim in claims if claim is not None]


def finish(claim: steps.Claim) -> Job | None:
    output = {"text": "x", "tokens": 1, "usage": {}, "ms": 1, "reused": False}
    with steps.fenced(claim.step) as session:
        row = steps.finish(session, claim.step, output, None)
        return lifecycle.advance(session, row)


def test_a_late_step_can_not_resurrect_a_cancelled_job() -> None:
    job, (first, second) = two_running()
    jobs.cancel(job.id)
    assert finish(first) is None
    assert jobs.get(job.id).status is JobStatus.CANCELLING
    ended = finish(second)
    assert ended is not None
    assert (ended.status, ended.result) == (JobStatus.CANCELLED, None)
    assert {step.status for step in jobs.steps_of(job.id)} == {
        StepStatus.DONE,
        StepStatus.CANCELLED,
    }
    Office().work()
    assert replace(jobs.get(job.id), estimate=None) == ended


def test_a_step_that_fails_while_its_job_is_cancelled_does_not_fail_the_job() -> None:
    job, (first, second) = two_running()
    jobs.cancel(job.id)
    for claim in (first, second):
        with steps.fenced(claim.step) as session:
            last = lifecycle.give_up(session, claim.step, DamagedDocument())
    assert last is not None
    assert last.status is JobStatus.CANCELLED
    assert (last.error or {})["code"] == "cancelled"


def test_a_step_put_off_while_its_job_is_cancelled_does_not_wait_for_ever() -> None:
    job, (first, second) = two_running()
    jobs.cancel(job.id)
    for claim, error in ((first, IndexUnavailable()), (second, None)):
        with steps.fenced(claim.step) as session:
            last = lifecycle.put_back(session, claim.step, error)
    assert last is not None
    assert last.status is JobStatus.CANCELLED
    assert not {StepStatus.READY, StepStatus.RUNNING} & {
        step.status for step in jobs.steps_of(job.id)
    }


def test_the_end_of_a_job_is_told_once(told: list[tuple[str, str]]) -> None:
    job, (first, second) = two_running()
    told.clear()
    for claim in (first, second):
        with steps.fenced(claim.step) as session:
            ended = lifecycle.give_up(session, claim.step, DamagedDocument())
        lifecycle.tell(ended)
    assert told == [(job.id, "error")]
    assert jobs.get(job.id).error["code"] == "damaged_document"


def test_a_job_that_failed_stops_what_waits_and_what_runs_elsewhere() -> None:
    job, (first, second) = two_running()
    with steps.fenced(first.step) as session:
        ended = lifecycle.give_up(session, first.step, DamagedDocument())
    assert ended is not None
    status = {step.id: step.status for step in jobs.steps_of(job.id)}
    assert status.pop(first.step.id) is StepStatus.FAILED
    assert status.pop(second.step.id) is StepStatus.RUNNING
    assert set(status.values()) <= {StepStatus.DONE, StepStatus.CANCELLED}
    assert finish(second) is None
    assert replace(jobs.get(job.id), estimate=None) == ended


def test_lost_steps_of_one_job_settle_it_once_in_the_same_transaction() -> None:
    job, claims = two_running()
    for claim in claims:
        set_step(claim.step.id, lost=steps.LOST_LIMIT - 1, lease_until=0.0)
    with suppress(RuntimeError), writing() as session:
        assert len(lifecycle.reclaim(session)) == 1
        raise RuntimeError  # a crash before the commit
    assert [step.status for step in jobs.steps_of(job.id)].count(StepStatus.RUNNING) == 2
    with writing() as session:
        (ended,) = lifecycle.reclaim(session)
    assert (ended.status, (ended.error or {})["code"]) == (JobStatus.FAILED, "step_poisoned")


def test_progress_never_goes_back_and_ends_at_a_hundred() -> None:
    office = Office()
    document = read(office, new_collection(), "word " * 9_000)
    job, seen = submit.summary(document.id), list[int]()
    while not jobs.get(job.id).finished:
        waiting = [step for step in jobs.steps_of(job.id) if step.status is StepStatus.READY]
        office.runtime.run(waiting[0].id)
        seen.append(jobs.get(job.id).progress["percent"])
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 100)


def test_a_plan_is_made_again_after_a_clock_that_went_back() -> None:
    office = Office()
    document = store(new_collection(), "On Monday.")
    job = submit.read(document.id)
    office.runtime.run(first_step(job).id)
    for step in jobs.steps_of(job.id):
        set_step(step.id, created_at=1e9 if step.kind == "parse" else 1.0)
    office.work()
    with reading() as session:
        assert session.get_one(JobRow, job.id).status == JobStatus.SUCCEEDED
