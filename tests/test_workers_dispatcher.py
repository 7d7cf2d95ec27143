"""What is published next, and never more of it than somebody can take."""

from collections import Counter

import pytest
from fakes import Office, add_worker, first_step, new_collection, read, set_step, store

from ingest.database import now, reading
from ingest.passages import Scope
from workers import dispatcher, jobs, submit
from workers.dispatcher import dispatch
from workers.fleet import WORKER_SILENT_SECONDS
from workers.jobs import Job
from workers.states import Lane, StepStatus

pytestmark = pytest.mark.usefixtures("migrated")
Rung = list[tuple[Lane, str]]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Rung:
    """What was published, in order."""
    heard: Rung = []

    def ring(lane: Lane, step_id: str) -> bool:
        heard.append((lane, step_id))
        return True

    monkeypatch.setattr(dispatcher, "_ring", ring)
    return heard


def readings(count: int) -> list[Job]:
    collection = new_collection()
    return [submit.read(store(collection, f"On day {day}.").id) for day in range(count)]


def long_summary(name: str = "Long") -> Job:
    """A summary with dozens of steps that are ready."""
    office = Office()
    document = read(office, new_collection(name), "word " * 90_000)
    job = submit.summary(document.id)
    office.runtime.run(first_step(job).id)
    return job


def job_ids(rung: Rung) -> list[str]:
    steps = {step.id: step.job_id for job in jobs.listing(jobs.JobFilter(limit=500))
             for step in jobs.steps_of(job.id)}  # fmt: skip
    return [steps[step_id] for _, step_id in rung]


def test_without_a_worker_nothing_is_published(rung: Rung) -> None:
    readings(2)
    with reading() as session:
        silent = now(session) - WORKER_SILENT_SECONDS - 1
    add_worker(seen_at=silent)
    assert dispatch() == 0
    assert rung == []


def test_never_more_than_the_fleet_has_slots_for(rung: Rung) -> None:
    made = readings(9)
    add_worker("one", batch=2)
    add_worker("two", batch=3)
    assert dispatch() == 5
    assert dispatch() == 0
    assert job_ids(rung) == [job.id for job in made[:5]]
    set_step(rung[0][1], status=StepStatus.DONE)
    assert dispatch() == 1
    assert job_ids(rung)[-1] == made[5].id


def test_the_interactive_lane_does_not_wait_for_the_batch_lane(rung: Rung) -> None:
    made = readings(3)
    add_worker(batch=1, interactive=1)
    dispatch()
    questions = [
        submit.question(Scope(str(made[0].collection_id)), "When?", None) for _ in range(4)
    ]
    assert [lane for lane, _ in rung] == [Lane.BATCH, Lane.INTERACTIVE, Lane.INTERACTIVE]
    assert job_ids(rung)[1:] == [question.id for question in questions[:2]]


def test_the_higher_priority_goes_first_and_the_front_before_all(rung: Rung) -> None:
    made = readings(4)
    jobs.prioritise(made[2].id, 7)
    jobs.prioritise(made[3].id, None)
    add_worker(batch=3)
    dispatch()
    assert job_ids(rung) == [made[3].id, made[2].id, made[0].id]


def test_a_long_job_does_not_hide_a_short_one(rung: Rung) -> None:
    long = long_summary()
    assert len(jobs.steps_of(long.id)) > 20
    late = readings(1)[0]
    add_worker(batch=4)
    dispatch()
    assert Counter(job_ids(rung)) == {long.id: 3, late.id: 1}


def test_two_long_jobs_share_the_slots(rung: Rung) -> None:
    first, second = long_summary("One"), long_summary("Two")
    add_worker(batch=4)
    dispatch()
    assert Counter(job_ids(rung)) == {first.id: 2, second.id: 2}


def test_steps_that_must_wait_and_jobs_that_are_not_wanted_are_left_out(rung: Rung) -> None:
    waits, unwanted = readings(2)
    with reading() as session:
        set_step(first_step(waits).id, not_before=now(session) + 60)
    jobs.cancel(unwanted.id)
    add_worker()
    assert dispatch() == 0


def test_a_dead_broker_loses_nothing_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = readings(3)
    add_worker()
    assert dispatch() == 0  # no Redis runs at the default address
    assert {first_step(job).status for job in made} == {StepStatus.READY}
    heard: Rung = []
    monkeypatch.setattr(dispatcher, "_ring", lambda *given: heard.append(given) or True)
    assert dispatch() == 3


def test_a_broker_that_dies_half_way_leaves_the_rest_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = readings(3)
    answers = iter([True, False])
    monkeypatch.setattr(dispatcher, "_ring", lambda *_: next(answers))
    add_worker()
    assert dispatch() == 1
    assert [first_step(job).status for job in made] == ["published", "ready", "ready"]
