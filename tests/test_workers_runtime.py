"""A worker process at work: what it does with faults, bugs, cancellation and its own end."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from fakes import (
    MemoryEngine,
    Office,
    first_step,
    new_collection,
    prose,
    read,
    ready_steps,
    set_step,
    store,
)
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from ingest.database import reading, writing
from ingest.errors import IndexUnavailable
from workers import dispatcher, fleet, jobs, lifecycle, runtime, steps, submit
from workers.errors import PromptTooLong
from workers.jobs import Job
from workers.kinds import KINDS
from workers.states import JobKind, JobStatus, StepStatus
from workers.tables import WorkerRow

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A worker whose pulse is quick and whose lease is short."""
    monkeypatch.setattr(runtime, "PULSE_SECONDS", 0.05)
    made = Office(lease_seconds=0.9, tick_seconds=0.2)
    yield made
    made.runtime.leave()


def summary(office: Office) -> Job:
    document = read(office, new_collection(), prose(67))
    job = submit.summary(document.id)
    office.runtime.run(first_step(job).id)
    return job


def sections(job: Job) -> list[jobs.Step]:
    return [step for step in jobs.steps_of(job.id) if step.kind == "section"]


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def workers_seen() -> list[str]:
    with reading() as session:
        return [row.id for row in session.query(WorkerRow)]


def test_a_job_is_brought_to_its_end(office: Office) -> None:
    job = summary(office)
    office.work()
    ended = jobs.get(job.id)
    assert (ended.status, ended.progress["percent"]) == (JobStatus.SUCCEEDED, 100)
    assert {step.claims for step in jobs.steps_of(job.id)} == {1}


def test_a_message_that_comes_twice_or_late_does_nothing(office: Office) -> None:
    job = summary(office)
    for step in sections(job):
        office.runtime.run(step.id)
        office.runtime.run(step.id)
    office.work()
    for step in jobs.steps_of(job.id):
        office.runtime.run(step.id)
    office.runtime.run("step_none")
    assert {step.claims for step in jobs.steps_of(job.id)} == {1}
    again = 1  # the last one, because it says so little
    assert len(office.model.asked) == len(jobs.steps_of(job.id)) - 1 + again


def test_who_makes_room_finishes_what_it_holds_and_takes_nothing_new(office: Office) -> None:
    office.runtime.start()
    job = summary(office)
    first, second = sections(job)[:2]
    with reading() as session:
        assert fleet.slots(session, "batch") > 0

    def drained() -> None:
        office.model.on_word = lambda: None
        office.runtime.drain()
        until(lambda: [one.state for one in fleet.workers()] == ["leaving"])

    office.model.on_word = drained
    office.runtime.run(first.id)
    office.runtime.run(second.id)
    states = {step.id: step.status for step in sections(job)}
    assert (states[first.id], states[second.id]) == (StepStatus.DONE, StepStatus.READY)
    with reading() as session:
        assert fleet.slots(session, "batch") == 0
    assert not office.runtime._stopping.is_set()


def test_who_makes_room_gives_back_what_takes_too_long(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "DRAIN_SECONDS", 0.2)
    office.runtime.start()
    job = summary(office)

    def hang() -> None:
        office.runtime.drain()
        office.model.on_word = lambda: until(office.runtime._stopping.is_set)

    office.model.on_word = hang
    office.runtime.run(sections(job)[0].id)
    step = sections(job)[0]
    assert (step.status, step.retries) == (StepStatus.READY, 0)


def test_a_job_that_another_model_planned_too_large_begins_anew(office: Office) -> None:
    """As after a change to a model with less context, or longer tokens."""
    job = summary(office)
    opening, step = jobs.steps_of(job.id)[0], sections(job)[0]
    set_step(opening.id, model="another")

    def refuse() -> None:
        raise PromptTooLong(prompt=9, reserved=1, limit=5)

    office.model.on_word = refuse
    office.runtime.run(step.id)
    (again,) = jobs.steps_of(job.id)
    assert (again.kind, again.status, again.retries) == ("outline", StepStatus.READY, 1)
    assert jobs.get(job.id).progress["percent"] == 0
    office.model.on_word = lambda: None
    office.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED


def test_a_job_that_its_own_model_planned_too_large_fails(office: Office) -> None:
    job = summary(office)

    def refuse() -> None:
        raise PromptTooLong(prompt=9, reserved=1, limit=5)

    office.model.on_word = refuse
    office.runtime.run(sections(job)[0].id)
    error = jobs.get(job.id).error
    assert error
    assert error["code"] == "prompt_too_long"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (IndexUnavailable(), "index_unavailable"),
        (OperationalError("SELECT secret", {}, Exception("disk I/O")), "database_unavailable"),
    ],
)
def test_a_fault_that_may_pass_is_tried_again(office: Office, fault: Exception, code: str) -> None:
    job = summary(office)
    step = sections(job)[0]

    def fail() -> None:
        raise fault

    office.model.on_word = fail
    office.runtime.run(step.id)
    step = jobs.steps_of(job.id)[1]
    assert (step.status, step.retries, step.error["code"]) == (StepStatus.READY, 1, code)
    assert "secret" not in step.error["message"]
    assert step.id not in ready_steps()
    office.model.on_word = lambda: None
    set_step(step.id, not_before=0.0)
    office.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    assert {step.error is None for step in jobs.steps_of(job.id)} == {True}


def test_a_fault_that_does_not_pass_fails_the_job_in_the_end(office: Office) -> None:
    job = summary(office)
    step = sections(job)[0]

    def fail() -> None:
        raise IndexUnavailable

    office.model.on_word = fail
    for _ in range(len(steps.RETRY_DELAYS) + 1):
        set_step(step.id, not_before=0.0)
        office.runtime.run(step.id)
    ended = jobs.get(job.id)
    assert (ended.status, ended.error["code"]) == (JobStatus.FAILED, "index_unavailable")


def test_a_bug_fails_the_job_without_its_details(office: Office) -> None:
    job = summary(office)
    office.model.on_word = lambda: {}["secret"]
    with capture_logs() as logs:
        office.runtime.run(sections(job)[0].id)
    assert ("step_failed", True) in [(line["event"], "exc_info" in line) for line in logs]
    ended = jobs.get(job.id)
    assert (ended.status, ended.error["code"]) == (JobStatus.FAILED, "internal_error")
    assert "secret" not in ended.error["message"]
    assert ready_steps() == []


def test_a_step_of_an_unknown_kind_fails_its_job(office: Office) -> None:
    job = summary(office)
    set_step(sections(job)[0].id, kind="from a later version")
    office.runtime.run(worked(job)[0].id)
    assert jobs.get(job.id).status is JobStatus.FAILED


def worked(job: Job) -> list[jobs.Step]:
    return [step for step in jobs.steps_of(job.id) if step.kind != "outline"]


def test_a_model_that_says_nothing_is_not_asked_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = summary(office)
    monkeypatch.setattr(type(office.model), "_stream", lambda *_, **__: iter(()))
    for _ in range(len(steps.RETRY_DELAYS) + 1):
        step = sections(job)[0]
        set_step(step.id, not_before=0.0)
        office.runtime.run(step.id)
    assert jobs.get(job.id).finished


def test_a_cancelled_job_stops_while_it_writes(office: Office) -> None:
    job = summary(office)
    office.runtime.start()
    first = sections(job)[0]

    def cancel() -> None:
        jobs.cancel(job.id)
        held = next(iter(office.runtime._held.values()))
        until(held.unwanted.is_set)

    office.model.on_word = cancel
    office.runtime.run(first.id)
    ended = jobs.get(job.id)
    assert (ended.status, ended.result) == (JobStatus.CANCELLED, None)
    assert len(office.model.asked) == 1


def test_a_worker_that_stops_gives_its_work_back(office: Office) -> None:
    job = summary(office)
    step = sections(job)[0]
    office.model.on_word = office.runtime.stop
    office.runtime.run(step.id)
    step = sections(job)[0]
    assert (step.status, step.claims, step.lost, step.retries) == (StepStatus.READY, 1, 0, 0)
    set_step(step.id, status=StepStatus.PUBLISHED)
    office.runtime.run(step.id)
    assert (sections(job)[0].status, sections(job)[0].claims) == (StepStatus.READY, 1)
    assert jobs.get(job.id).status is JobStatus.RUNNING
    other = Office()
    other.work()
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED


def test_what_is_given_back_after_its_job_was_cancelled_ends_it(office: Office) -> None:
    job = summary(office)

    def stop() -> None:
        jobs.cancel(job.id)
        office.runtime.stop()

    office.model.on_word = stop
    office.runtime.run(sections(job)[0].id)
    assert jobs.get(job.id).status is JobStatus.CANCELLED


def test_leases_live_as_long_as_the_work(office: Office) -> None:
    job = summary(office)
    office.runtime.start()
    office.model.on_word = lambda: time.sleep(0.6)  # three leases in all
    office.runtime.run(sections(job)[0].id)
    step = sections(job)[0]
    assert (step.status, step.claims, step.lost) == (StepStatus.DONE, 1, 0)


def test_leases_live_on_while_a_stopping_worker_ends_its_work(office: Office) -> None:
    job = summary(office)
    office.runtime.start()

    def stop_and_linger() -> None:
        office.runtime.stop()
        time.sleep(2.5)

    office.model.on_word = stop_and_linger
    office.runtime.run(sections(job)[0].id)
    with writing() as session:
        assert lifecycle.reclaim(session) == []
    step = sections(job)[0]
    assert (step.status, step.lost) == (StepStatus.READY, 0)


def test_a_step_taken_by_another_worker_is_let_go(office: Office) -> None:
    job = summary(office)
    office.runtime.start()
    step = sections(job)[0]
    taken: list[steps.Claim | None] = []

    def freeze() -> None:
        if taken:
            return
        set_step(step.id, status=StepStatus.READY)  # what another worker's tick does
        taken.append(steps.claim(step.id, "other", 60))
        held = office.runtime._held[step.id, 1]
        until(held.unwanted.is_set)

    office.model.on_word = freeze
    office.runtime.run(step.id)
    now = sections(job)[0]
    assert (now.status, now.fence, now.output) == (StepStatus.RUNNING, 2, None)
    assert taken[0] is not None
    with steps.fenced(taken[0].step) as session:
        steps.finish(session, taken[0].step, {"text": "the other's"}, None)


def test_a_step_that_comes_back_while_its_old_thread_still_ends(office: Office) -> None:
    job = summary(office)
    step = sections(job)[0]
    again = threading.Thread(target=office.runtime.run, args=[step.id])

    def lose_and_take_again() -> None:
        office.model.on_word = lambda: None
        set_step(step.id, status=StepStatus.READY)
        again.start()
        again.join(20)

    office.model.on_word = lose_and_take_again
    office.runtime.run(step.id)
    now = sections(job)[0]
    assert (now.status, now.claims) == (StepStatus.DONE, 2)
    assert office.runtime._held == {}


def test_the_tick_takes_back_what_was_lost_and_publishes(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(dispatcher, "_ring", lambda _, step_id: not rung.append(step_id))
    job = submit.read(store(new_collection(), "On Monday.").id)
    step = first_step(job)
    steps.claim(step.id, "dead", -1)
    office.runtime.start()
    until(lambda: rung == [step.id])
    assert (first_step(job).status, first_step(job).lost) == (StepStatus.PUBLISHED, 1)


def test_a_worker_is_seen_until_it_leaves(office: Office) -> None:
    office.runtime.start()
    assert workers_seen() == [office.runtime.owner]
    office.runtime.stop()
    office.runtime.leave()
    time.sleep(0.3)
    assert workers_seen() == []


def test_a_pulse_that_dies_takes_the_process_along(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(steps, "renew", lambda *_: 1 / 0)
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(runtime.os, "kill", lambda *given: killed.append(given))
    office.runtime.start()
    until(lambda: killed)
    assert killed == [(os.getpid(), signal.SIGTERM)]


def test_a_database_that_is_away_for_a_moment_only_costs_a_beat(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def renew(*_: object) -> None:
        calls.append(_)
        if len(calls) == 1:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(steps, "renew", renew)
    office.runtime.start()
    until(lambda: len(calls) > 1)
    assert office.runtime._pulse.is_alive()


def test_every_kind_of_job_has_runners_and_a_plan() -> None:
    assert set(KINDS) == set(JobKind)
    assert all(kind.runners for kind in KINDS.values())


def test_a_heartbeat_tells_what_the_engine_does(office: Office) -> None:
    engine: Any = MemoryEngine()
    engine.figures = replace(engine.figures, steps=3)
    office.runtime._tools = replace(
        office.tools, language=replace(office.tools.language, engine=engine)
    )
    office.runtime.start()
    (told,) = fleet.engine_loads()
    assert (told.worker, told.host) == (office.runtime.owner, socket.gethostname())
    assert told.figures == asdict(engine.figures)
    engine.figures = replace(engine.figures, steps=9)
    until(lambda: fleet.engine_loads()[0].figures["steps"] == 9)


def test_a_worker_without_an_engine_tells_nothing_of_one(office: Office) -> None:
    office.runtime.start()
    assert workers_seen() == [office.runtime.owner]
    assert fleet.engine_loads() == []
