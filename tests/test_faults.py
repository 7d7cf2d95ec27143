"""Parts that are killed, frozen or doubled in the middle of the work, and what is lost: nothing."""

import signal
from collections.abc import Iterator

import pytest
from fleet import Fleet, Made, Process, until
from test_stack import report

from workers.app import RUN_STEP, app, broker_url

pytestmark = [pytest.mark.faults, pytest.mark.slow]
MARKERS = iter(("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"))


@pytest.fixture
def lectern(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with one worker; afterwards no worker is left."""
    fleet.start_worker()
    yield fleet
    for process in fleet.workers_running():
        process.send_signal(signal.SIGCONT)
        fleet.kill(process, signal.SIGTERM)


def summary_at_work(lectern: Fleet, sections: int = 5) -> str:
    """A long summary some of whose sections are done, and others are not."""
    marker = next(MARKERS)
    collection = lectern.new_collection(f"Faults {marker}")
    (document,) = lectern.read(collection, long_txt=report(sections, marker).encode())
    job = lectern.ask_for(kind="summary", document_id=document["id"])["id"]
    until(lambda: lectern.done_steps(job), "a section is done")
    assert lectern.job(job)["status"] == "running"
    return str(job)


def test_no_finished_step_runs_twice_when_the_worker_is_killed(lectern: Fleet) -> None:
    job = summary_at_work(lectern)
    lectern.kill(lectern.workers_running()[0])
    done = lectern.done_steps(job)
    assert done
    lectern.start_worker()
    ended = lectern.ended(job)
    assert ended["status"] == "succeeded", ended
    after = {step["id"]: step for step in lectern.steps(job)}
    assert {step_id: after[step_id] for step_id in done} == done
    assert {step["claims"] for step in done.values()} == {1}
    assert {step["status"] for step in after.values()} == {"done"}
    lost = [step for step in after.values() if step["lost"]]
    assert lost
    assert all((step["claims"], step["lost"]) == (2, 1) for step in lost)


def test_work_is_given_back_when_a_worker_is_asked_to_stop(lectern: Fleet) -> None:
    job = summary_at_work(lectern)
    lectern.kill(lectern.workers_running()[0], signal.SIGTERM)
    assert lectern.workers() == []
    steps = lectern.steps(job)
    assert {step["status"] for step in steps} <= {"done", "ready", "published"}
    assert {step["lost"] + step["retries"] for step in steps} == {0}
    assert lectern.job(job)["status"] == "running"
    done = lectern.done_steps(job)
    lectern.start_worker()
    assert lectern.ended(job)["status"] == "succeeded"
    after = lectern.done_steps(job)
    assert {step_id: after[step_id] for step_id in done} == done


def test_a_frozen_worker_that_wakes_up_can_not_write(lectern: Fleet) -> None:
    job = summary_at_work(lectern)
    (frozen,) = lectern.workers_running()
    freeze(lectern, frozen)
    held = [step for step in lectern.steps(job) if step["status"] == "running"]
    assert held
    lectern.start_worker()
    ids = {step["id"] for step in held}

    def taken_over() -> list[Made]:
        found = {step["id"]: step for step in lectern.steps(job)}
        return [found[each] for each in ids if found[each]["claims"] == 2]

    until(lambda: len(taken_over()) == len(ids), "the other worker takes over")
    frozen.send_signal(signal.SIGCONT)
    assert lectern.ended(job)["status"] == "succeeded"
    after = {step["id"]: step for step in lectern.steps(job)}
    assert all(after[each]["lost"] == 1 for each in ids)
    assert {step["status"] for step in after.values()} == {"done"}
    assert frozen.poll() is None
    owners = lectern.sql("SELECT count(*) FROM steps WHERE status = 'running'")
    assert owners == [(0,)]


def freeze(lectern: Fleet, process: Process) -> None:
    """Stop the process while it does not hold SQLite's one write lock, which others need."""

    def frozen() -> bool:
        process.send_signal(signal.SIGSTOP)
        if lectern.can_write():
            return True
        process.send_signal(signal.SIGCONT)
        return False

    until(frozen, "it is frozen without a lock")


def test_redis_may_be_killed_and_comes_back_without_a_lost_job(lectern: Fleet) -> None:
    job = summary_at_work(lectern)
    lectern.kill(lectern.redis)
    assert lectern.client.get("/readyz").status_code == 503
    collection = lectern.new_collection("While Redis is away")
    answer = lectern.upload(collection, notes_md=b"# Minutes\n\nThe meeting was on Monday.\n")
    assert answer.status_code == 202
    reading = answer.json()["jobs"][0]["id"]
    lectern.start_redis()
    assert lectern.ended(reading)["status"] == "succeeded"
    assert lectern.ended(job)["status"] == "succeeded"
    assert {step["lost"] for step in lectern.steps(job)} == {0}
    assert lectern.healthy()


def test_a_step_that_is_delivered_twice_runs_once(lectern: Fleet) -> None:
    job = summary_at_work(lectern)
    url = broker_url(lectern.environment["LECTERN_REDIS_URL"])
    with app.connection_for_write(url) as connection, connection.channel() as channel:
        for step in lectern.steps(job):
            if step["status"] != "ready":
                for _ in range(3):
                    app.send_task(
                        RUN_STEP,
                        args=[step["id"]],
                        queue="batch",
                        producer=app.amqp.Producer(channel, auto_declare=False),
                    )
    before = len(lectern.done_steps(job))
    until(lambda: len(lectern.done_steps(job)) > before, "another section is done")
    assert {step["claims"] for step in lectern.steps(job)} <= {0, 1}
    assert lectern.client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    assert lectern.ended(job)["status"] == "cancelled"


def test_without_a_worker_a_job_waits_says_why_and_can_be_cancelled(fleet: Fleet) -> None:
    collection = fleet.new_collection("Nobody there")
    answer = fleet.upload(collection, notes_md=b"# Minutes\n\nThe meeting was on Tuesday.\n")
    job = answer.json()["jobs"][0]["id"]
    until(lambda: fleet.job(job)["waiting"]["reason"] == "no_worker", "no worker is seen")
    assert fleet.client.get("/readyz").status_code == 503
    cancelled = fleet.client.post(f"/v1/jobs/{job}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    assert fleet.client.post(f"/v1/jobs/{job}/cancel").json() == cancelled.json()
    assert [event["event"] for event in fleet.events(job)] == ["error"]


def test_jobs_wait_for_the_vector_index_to_come_back(lectern: Fleet) -> None:
    lectern.kill(lectern.chroma)
    collection = lectern.new_collection("Without an index")
    answer = lectern.upload(collection, notes_md=b"# Minutes\n\nThe meeting was on Wednesday.\n")
    job = answer.json()["jobs"][0]["id"]
    until(lambda: any(step["retries"] for step in lectern.steps(job)), "it is put off")
    lectern.start_chroma()
    assert lectern.ended(job)["status"] == "succeeded"
