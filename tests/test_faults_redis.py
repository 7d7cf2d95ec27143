"""Redis that dies, forgets, stays away, refuses, delivers twice: messages are lost, no job is."""

import signal
import time
from collections.abc import Iterator

import pytest
from fleet import Fleet, until
from mishaps import claims, note, summary_at_work

from workers.app import RUN_STEP, app, broker_url

pytestmark = [pytest.mark.faults, pytest.mark.slow]

AWAY_SECONDS = 60.0
PATIENT_SECONDS = 20.0  #: that a request may take while something is away
REFUSING = {
    "its memory is full": (
        ("CONFIG", "SET", "maxmemory", "1"),
        ("CONFIG", "SET", "maxmemory", "0"),
    ),
    "it is a replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
}


@pytest.fixture(autouse=True)
def _well_again(staffed: Fleet) -> Iterator[None]:
    yield
    until(staffed.healthy, "everything is well again")


def redis_of(lectern: Fleet) -> tuple[int, bool, str]:
    """Whether the service is ready, and what it says of Redis."""
    answer = lectern.client.get("/readyz")
    part = answer.json()["parts"]["redis"]
    return answer.status_code, part["ok"], part["message"]


@pytest.mark.faults(4, 5)
def test_redis_may_forget_everything_and_stay_away_for_a_minute(staffed: Fleet) -> None:
    worker = staffed.one_worker()
    collection = staffed.new_collection("A minute without Redis")
    worker.send_signal(signal.SIGSTOP)
    queued = [note(staffed, collection) for _ in range(2)]
    with staffed.wire() as wire:
        until(lambda: wire.llen("batch") == len(queued), "they are published")
    staffed.kill(staffed.redis)
    staffed.wipe("redis")
    gone = time.monotonic()
    worker.send_signal(signal.SIGCONT)
    assert redis_of(staffed) == (503, False, "Redis does not answer.")
    began = time.monotonic()
    accepted = note(staffed, collection)
    assert time.monotonic() - began < PATIENT_SECONDS
    time.sleep(max(0.0, gone + AWAY_SECONDS - time.monotonic()))
    assert {staffed.job(job)["status"] for job in (*queued, accepted)} == {"queued"}
    staffed.start_redis()
    for job in (*queued, accepted):
        assert staffed.ended(job)["status"] == "succeeded"
        assert set(claims(staffed, job)) == {("done", 1, 0)}
    assert staffed.workers_running() == [worker]


@pytest.mark.faults(4)
def test_what_runs_goes_on_without_redis(staffed: Fleet) -> None:
    staffed.one_worker()
    job = summary_at_work(staffed)
    staffed.kill(staffed.redis)
    done = len(staffed.done_steps(job))
    until(lambda: len(staffed.done_steps(job)) > done, "a section is done without Redis")
    staffed.start_redis()
    assert staffed.ended(job)["status"] == "succeeded"
    assert set(claims(staffed, job)) == {("done", 1, 0)}


@pytest.mark.faults(6)
@pytest.mark.parametrize("why", REFUSING)
def test_a_redis_that_refuses_writes_loses_no_job(staffed: Fleet, why: str) -> None:
    worker, (refuse, relent) = staffed.one_worker(), REFUSING[why]
    collection = staffed.new_collection(f"Redis refuses: {why}")
    with staffed.wire() as wire:
        wire.execute_command(*refuse)
        assert redis_of(staffed) == (503, False, "Redis refuses what is written to it.")
        began = time.monotonic()
        job = note(staffed, collection)
        assert time.monotonic() - began < PATIENT_SECONDS
        time.sleep(3)
        assert staffed.job(job)["status"] == "queued"
        wire.execute_command(*relent)
    assert staffed.ended(job)["status"] == "succeeded"
    assert set(claims(staffed, job)) == {("done", 1, 0)}
    assert staffed.workers_running() == [worker]


@pytest.mark.faults(7)
def test_a_step_that_is_delivered_twice_runs_once(staffed: Fleet) -> None:
    """Nor does a late message begin one again: messages are acknowledged before a step runs, and
    no visibility timeout brings them back.
    """
    staffed.one_worker()
    job = summary_at_work(staffed)
    url = broker_url(staffed.environment["LECTERN_REDIS_URL"])
    with app.connection_for_write(url) as connection, connection.channel() as channel:
        for step in staffed.steps(job):
            if step["status"] != "ready":
                for _ in range(3):
                    app.send_task(
                        RUN_STEP,
                        args=[step["id"]],
                        queue="batch",
                        producer=app.amqp.Producer(channel, auto_declare=False),
                    )
    before = len(staffed.done_steps(job))
    until(lambda: len(staffed.done_steps(job)) > before, "another section is done")
    assert {times for _, times, _ in claims(staffed, job)} <= {0, 1}
    assert staffed.client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    assert staffed.ended(job)["status"] == "cancelled"
