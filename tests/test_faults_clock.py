"""Clocks that are set while jobs run. No process of ours can be given another clock than the
machine's, so the jump is simulated where all leases come from: in SQLite's own clock.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import Office, first_step, new_collection, prose, read, ready_steps, set_step, store
from sqlalchemy import event

from ingest import database
from workers import dispatcher, fleet, jobs, runtime, steps, submit
from workers.clock import Clock
from workers.jobs import Job
from workers.states import JobStatus, StepStatus

pytestmark = pytest.mark.faults(17)

TWO_HOURS = 7_200.0
LEASE_SECONDS = 2.0


class Wall:
    """The database's clock, which can be set."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def julian_day(self, _when: str) -> float:
        return (time.time() + self.ahead) / 86_400 + 2_440_587.5


@pytest.fixture
def wall(migrated: Path) -> Wall:
    made, engine = Wall(), database.engine()
    event.listen(
        engine, "connect", lambda raw, _: raw.create_function("julianday", 1, made.julian_day)
    )
    engine.dispose()
    return made


@pytest.fixture
def offices(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Office]]:
    """Two workers that look after each other's steps."""
    monkeypatch.setattr(runtime, "PULSE_SECONDS", 0.05)
    made = [Office(lease_seconds=LEASE_SECONDS, tick_seconds=0.1) for _ in range(2)]
    for office in made:
        office.runtime.start()
    yield made
    for office in made:
        office.runtime.leave()


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def section(office: Office) -> tuple[Job, jobs.Step]:
    document = read(office, new_collection(), prose(60))
    job = submit.summary(document.id)
    office.runtime.run(first_step(job).id)
    return job, next(step for step in jobs.steps_of(job.id) if step.kind == "section")


@pytest.mark.parametrize("jump", [TWO_HOURS, -TWO_HOURS, 3_600.0, 1.0])
def test_what_runs_is_left_alone_when_the_clock_jumps(
    wall: Wall, offices: list[Office], jump: float
) -> None:
    working, _ = offices
    job, step = section(working)
    words = iter(range(100))

    def slow_word() -> None:
        if next(words) == 1:
            wall.ahead = jump
        time.sleep(LEASE_SECONDS / 2)

    working.model.on_word = slow_word
    working.runtime.run(step.id)
    after = next(one for one in jobs.steps_of(job.id) if one.id == step.id)
    assert (after.status, after.claims, after.lost) == (StepStatus.DONE, 1, 0)
    assert fleet.silence() is not None
    assert (fleet.silence() or 0) < fleet.WORKER_SILENT_SECONDS


@pytest.mark.parametrize("jump", [TWO_HOURS, -TWO_HOURS])
def test_what_a_dead_worker_held_is_still_found(
    wall: Wall, offices: list[Office], jump: float
) -> None:
    job = submit.read(store(new_collection(), "On Monday.").id)
    step = first_step(job)
    assert steps.claim(step.id, "dead", LEASE_SECONDS)
    wall.ahead = jump
    until(lambda: first_step(job).lost == 1)
    offices[0].work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED


def test_what_waits_for_another_try_does_not_wait_until_the_clock_is_where_it_was(
    wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, rung = Office(), list[str]()
    monkeypatch.setattr(dispatcher, "_ring", lambda _, step_id: not rung.append(step_id))
    job = submit.read(store(new_collection(), "On Monday.").id)
    with database.reading() as session:
        set_step(first_step(job).id, retries=1, not_before=database.now(session) + 2)
    wall.ahead = -TWO_HOURS
    office.runtime._say_alive()
    assert ready_steps(job) == []
    assert dispatcher.dispatch() == 1
    assert rung == [first_step(job).id]


def test_an_estimate_is_not_judged_by_a_clock_that_was_set_back(wall: Wall) -> None:
    office = Office()
    document = read(office, new_collection(), prose(60))
    job = submit.summary(document.id)
    office.runtime.run(first_step(job).id)
    wall.ahead = -TWO_HOURS
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.estimate is not None
    assert ended.estimate.real is None


def test_a_clock_is_believed_unless_it_has_jumped_or_nobody_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = [1_000.0]
    monkeypatch.setattr("workers.clock.time.monotonic", lambda: own[0])
    clock = Clock(8.0)
    assert clock.believed(50.0)
    own[0] += 2
    assert clock.believed(53.0)  # it runs a little faster, or somebody set it right
    own[0] += 2
    assert not clock.believed(7_255.0)
    own[0] += 5
    assert not clock.believed(7_260.0)
    own[0] += 5
    assert clock.believed(7_265.0)
    own[0] += 9
    assert not clock.believed(7_274.0)
