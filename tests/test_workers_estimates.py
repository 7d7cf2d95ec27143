"""What a job will take: from its parts and the host's speed, corrected by what jobs really took."""

from typing import Any

import pytest
from fakes import Office, add_worker, new_collection, prose, read

from ingest.database import now, writing
from ingest.passages import Scope
from workers import estimates, jobs, promises, submit
from workers.engine.load import Speed
from workers.estimates import ASSUMED, STEP_SECONDS, Expected
from workers.jobs import Job
from workers.promises import quantile, remaining
from workers.states import JobStatus
from workers.tables import EstimateRow, JobRow
from workers.wishes import Wish

TEN = Expected(steps=10, kept=0, prompt_tokens=10_000, written_tokens=1_000)
SPEED = Speed(0.001, 0.01)
WORK = 10.0 + 10.0 + 10 * STEP_SECONDS


pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def document(office: Office) -> str:
    return read(office, new_collection(), prose(60)).id


def estimated(job: Job, expected: Expected = TEN) -> estimates.Estimate:
    with writing() as session:
        made = estimates.made(session, job, expected, SPEED)
        estimates.keep(session, job.id, made)
    return made


def ended(job: Job, seconds: float) -> None:
    with writing() as session:
        row = session.get_one(JobRow, job.id)
        row.status = JobStatus.SUCCEEDED
        row.finished_at = session.get_one(EstimateRow, job.id).made_at + seconds
        estimates.settle(session, jobs.job_of(row), None)


def test_the_first_estimate_is_the_formula_with_a_margin(document: str) -> None:
    made = estimated(submit.summary(document))
    assert made.work == pytest.approx(WORK)
    assert made.wait == 0
    assert made.p50 == pytest.approx(WORK * quantile(ASSUMED, 0.5))
    assert made.p90 == pytest.approx(WORK * quantile(ASSUMED, 0.9))


def test_others_are_waited_for_as_far_as_they_share_the_slots(document: str) -> None:
    add_worker(batch=4)
    estimated(submit.summary(document))
    small = Expected(steps=1, kept=0, prompt_tokens=1_000, written_tokens=0)
    own = 1.0 + STEP_SECONDS
    # The other one has ten steps and takes four slots for one of ours.
    assert estimated(submit.summary(document), small).wait == pytest.approx(4 * own)
    assert estimated(submit.summary(document, wish=Wish(priority=1)), small).wait == 0
    late = estimated(submit.summary(document, wish=Wish(priority=-1)), small)
    assert late.wait == pytest.approx(WORK + 2 * own)


def test_who_was_not_looked_through_yet_counts_by_length(office: Office, document: str) -> None:
    add_worker(batch=4)
    half = read(office, new_collection("Other"), prose(30)).id
    first, second = submit.summary(document), submit.summary(half)
    submit.question(Scope(str(first.collection_id)), "When?", None)  # in nobody's way
    assert estimated(first).wait == pytest.approx(WORK / 2, rel=0.05)
    shorter = Expected(steps=5, kept=0, prompt_tokens=5_000, written_tokens=500)
    assert estimated(second, shorter).wait == pytest.approx(WORK / 2)


def test_what_jobs_really_took_corrects_the_next_estimate(document: str) -> None:
    for _ in range(60):
        job = submit.summary(document)
        estimated(job)
        ended(job, 3 * WORK)
    made = estimated(submit.summary(document))
    assert made.p50 == pytest.approx(3 * WORK)
    assert made.p90 == pytest.approx(3 * WORK)


def test_accuracy_counts_what_was_promised_and_kept(document: str) -> None:
    assert promises.accuracy() == promises.Accuracy(0, 0.0, 0.0, 0.0)
    for factor in (1.0, 1.2, 2.0, 9.0):
        job = submit.summary(document)
        with writing() as session:
            made = estimates.Estimate(1, 0, 1, 1, work=1.0, wait=0.0, p50=10.0, p90=20.0)
            estimates.keep(session, job.id, made)
        ended(job, 10.0 * factor)
    told = promises.accuracy()
    assert (told.jobs, told.within_p90, told.near_p50) == (4, 0.75, 0.5)
    assert told.median_ratio == pytest.approx(1.6)


def test_only_success_counts(document: str) -> None:
    job = submit.summary(document)
    estimated(job)
    with writing() as session:
        row = session.get_one(JobRow, job.id)
        row.status, row.finished_at = JobStatus.FAILED, now(session)
        estimates.settle(session, jobs.job_of(row), None)
    assert promises.accuracy().jobs == 0


def test_a_jobs_own_pace_counts_more_the_further_it_is() -> None:
    assert remaining(100.0, 0.0, 30.0) == 70.0
    assert remaining(100.0, 0.0, 130.0) == 0.0
    assert remaining(100.0, 0.5, 50.0) == 50.0
    assert remaining(100.0, 0.5, 150.0) == 100.0
    assert remaining(100.0, 1.0, 500.0) == 0.0


def test_a_summary_is_estimated_before_and_while_it_runs(office: Office, document: str) -> None:
    asked = submit.summary(document, dry_run=True)
    office.work(asked)
    estimate: dict[str, Any] = jobs.get(asked.id).result or {}
    assert estimate["kept"] == 0
    assert 0 < estimate["p50"] < estimate["p90"]
    job = submit.summary(document)
    office.work(job)
    promise = jobs.get(job.id).estimate
    assert promise is not None
    assert promise.steps == estimate["steps"] == len(jobs.steps_of(job.id)) - 1
    assert promise.prompt_tokens == estimate["prompt_tokens"] > 60 * 60
    assert promise.remaining is None
    assert promise.real is not None
    assert [one.estimate for one in jobs.listing(jobs.JobFilter(document_id=document))][1] is None


def test_what_was_paid_for_before_costs_nothing_again(office: Office, document: str) -> None:
    office.work(submit.summary(document))
    asked = submit.summary(document, dry_run=True)
    office.work(asked)
    estimate: dict[str, Any] = jobs.get(asked.id).result or {}
    assert estimate["kept"] == estimate["steps"] - 1
    assert estimate["prompt_tokens"] < 60 * 60
