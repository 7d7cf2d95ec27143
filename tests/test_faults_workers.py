"""Workers that are killed, frozen, stopped, outdated or unfit, and what is lost by it: nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from fleet import PATIENCE, ROOT, Fleet, Made, until
from mishaps import LONG_TEXT, claims, freeze, gone, note, parser_of, summary_at_work, whole

from workers.app import app

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.faults(1)
def test_a_parser_that_is_killed_takes_only_its_document_along(staffed: Fleet) -> None:
    """A worker has no child processes but its parsers: its engine is a thread (see fault 2).

    Who is killed from outside was too large for the kernel, so the document is not tried again.
    """
    worker = staffed.one_worker()
    collection = staffed.new_collection("A killed parser")
    job = note(staffed, collection, long_txt=LONG_TEXT)
    parser_of(worker).kill()
    ended = staffed.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "parser_memory")
    assert staffed.ended(note(staffed, collection))["status"] == "succeeded"
    assert worker.poll() is None


@pytest.mark.faults(1, 2)
def test_a_worker_that_is_killed_takes_its_parser_along(staffed: Fleet) -> None:
    worker = staffed.one_worker()
    job = note(staffed, staffed.new_collection("A killed reader"), long_txt=LONG_TEXT)
    parser = parser_of(worker)
    staffed.kill(worker)
    until(lambda: gone(parser), "the parser ends")
    other = staffed.one_worker()
    parser_of(other)
    assert claims(staffed, job) == [("running", 2, 1)]
    assert staffed.client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    assert staffed.ended(job)["status"] == "cancelled"


@pytest.mark.faults(2)
def test_no_finished_step_runs_twice_when_the_worker_is_killed(staffed: Fleet) -> None:
    worker, job = staffed.one_worker(), summary_at_work(staffed)
    staffed.kill(worker)
    done = staffed.done_steps(job)
    assert done
    staffed.one_worker()
    ended = staffed.ended(job)
    assert ended["status"] == "succeeded", ended
    after = {step["id"]: step for step in staffed.steps(job)}
    assert {step_id: after[step_id] for step_id in done} == done
    assert {step["claims"] for step in done.values()} == {1}
    assert {step["status"] for step in after.values()} == {"done"}
    lost = [step for step in after.values() if step["lost"]]
    assert lost
    assert all((step["claims"], step["lost"]) == (2, 1) for step in lost)


@pytest.mark.faults(3)
def test_a_step_that_takes_three_workers_down_is_given_up_and_the_queue_goes_on(
    staffed: Fleet,
) -> None:
    staffed.one_worker()
    collection = staffed.new_collection("Poison")
    (document,) = staffed.read(collection, notes_md=b"# Minutes\n\nThe meeting was on Friday.\n")
    job = summary_at_work(staffed)
    waiting = staffed.ask_for(kind="summary", document_id=document["id"], priority=-1)["id"]
    for lost in range(3):
        worker, running = staffed.one_worker(), ("running", lost + 1, lost)
        until(lambda held=running: held in claims(staffed, job), "it runs")
        staffed.kill(worker)
    staffed.one_worker()
    ended = staffed.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "step_poisoned")
    assert ("poisoned", 3, 3) in claims(staffed, job)
    assert staffed.ended(waiting)["status"] == "succeeded"


@pytest.mark.faults(8)
def test_a_frozen_worker_that_wakes_up_can_not_write(staffed: Fleet) -> None:
    frozen, job = staffed.one_worker(), summary_at_work(staffed)
    freeze(staffed, frozen)
    held = [step for step in staffed.steps(job) if step["status"] == "running"]
    assert held
    staffed.start_worker()
    ids = {step["id"] for step in held}

    def taken_over() -> list[Made]:
        found = {step["id"]: step for step in staffed.steps(job)}
        return [found[each] for each in ids if found[each]["claims"] == 2]

    until(lambda: len(taken_over()) == len(ids), "the other worker takes over")
    frozen.send_signal(signal.SIGCONT)
    assert staffed.ended(job)["status"] == "succeeded"
    after = {step["id"]: step for step in staffed.steps(job)}
    assert all(after[each]["lost"] == 1 for each in ids)
    assert {step["status"] for step in after.values()} == {"done"}
    assert frozen.poll() is None
    assert staffed.sql("SELECT count(*) FROM steps WHERE status = 'running'") == [(0,)]


@pytest.mark.faults(9)
def test_work_is_given_back_when_a_worker_is_asked_to_stop(staffed: Fleet) -> None:
    worker, job = staffed.one_worker(), summary_at_work(staffed)
    staffed.kill(worker, signal.SIGTERM)
    assert staffed.workers() == []
    steps = staffed.steps(job)
    assert {step["status"] for step in steps} <= {"done", "ready", "published"}
    assert {step["lost"] + step["retries"] for step in steps} == {0}
    assert staffed.job(job)["status"] == "running"
    done = staffed.done_steps(job)
    staffed.one_worker()
    assert staffed.ended(job)["status"] == "succeeded"
    after = staffed.done_steps(job)
    assert {step_id: after[step_id] for step_id in done} == done


@pytest.mark.faults(15)
def test_a_worker_without_its_model_says_why_and_the_rest_goes_on(
    staffed: Fleet, model_file: Path, tmp_path: Path
) -> None:
    """One that the kernel kills for its memory is any killed worker (faults 2 and 3)."""
    staffed.dismiss()
    truncated = tmp_path / "truncated.gguf"
    truncated.write_bytes(model_file.read_bytes()[: model_file.stat().st_size // 2])
    for model in (truncated, tmp_path / "missing.gguf"):
        unfit = staffed.spawn_worker(model=str(model))
        assert unfit.wait(PATIENCE) == 1, staffed.log("worker")
        assert "Traceback" not in staffed.log("worker").rpartition("worker_unfit")[2]
        ready = staffed.client.get("/readyz")
        parts = ready.json()["parts"]
        assert ready.status_code == 503
        assert model.name in parts["worker"]["message"]
        assert {name for name, part in parts.items() if not part["ok"]} == {"worker"}
    job = note(staffed, staffed.new_collection("No model"))
    waiting = staffed.job(job)["waiting"]
    assert waiting["reason"] == "no_worker"
    assert "missing.gguf" in waiting["message"]
    staffed.one_worker()
    assert staffed.ended(job)["status"] == "succeeded"
    assert staffed.healthy()


@pytest.mark.faults(21)
def test_a_worker_ends_when_the_schema_is_no_longer_its_own(staffed: Fleet) -> None:
    worker, job = staffed.one_worker(), summary_at_work(staffed)
    with newer_schema(staffed):
        worker.wait(PATIENCE)
        assert {step["status"] for step in staffed.steps(job)} <= {"done", "ready", "published"}
        ready = staffed.client.get("/readyz")
        assert ready.status_code == 503
        assert "schema" in ready.json()["parts"]["database"]["message"]
        assert staffed.spawn_worker().wait(PATIENCE) == 1
        assert "schema_outdated" in staffed.log("worker")
    staffed.one_worker()
    assert staffed.ended(job)["status"] == "succeeded"
    assert {lost for _, _, lost in claims(staffed, job)} == {0}


@contextmanager
def newer_schema(lectern: Fleet) -> Iterator[None]:
    """As if a later version had migrated the database under a running worker."""
    ((ours,),) = lectern.sql("SELECT version_num FROM alembic_version")
    lectern.change("UPDATE alembic_version SET version_num = 'later'")
    try:
        yield
    finally:
        lectern.change("UPDATE alembic_version SET version_num = ?", ours)


@pytest.mark.faults(21)
def test_who_migrates_at_the_same_time_makes_one_schema(data_folder: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "migrate"]
    migrating = [subprocess.Popen(command, cwd=ROOT, env=os.environ) for _ in range(3)]
    assert [process.wait(PATIENCE) for process in migrating] == [0, 0, 0]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


@pytest.mark.faults(22)
def test_a_parser_that_hangs_is_stopped_by_the_clock(staffed: Fleet) -> None:
    staffed.dismiss()
    worker = staffed.start_worker(parser_seconds="3")
    collection = staffed.new_collection("A parser that hangs")
    job = note(staffed, collection, long_txt=LONG_TEXT)
    parser = parser_of(worker)
    parser.suspend()
    ended = staffed.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "parser_timeout")
    assert gone(parser)
    assert staffed.ended(note(staffed, collection))["status"] == "succeeded"
    staffed.dismiss()


@pytest.mark.faults(24)
def test_workers_that_come_and_go_among_threads_and_parsers_do_not_lock_up(
    staffed: Fleet,
) -> None:
    """Nothing here forks with threads beside it: the pool is one of threads, no worker is recycled
    by its number of tasks, and parsers are begun by `exec`. So many of them are begun at once
    beside a busy engine, while workers are ended and started again.
    """
    assert not app.conf.worker_max_tasks_per_child
    staffed.one_worker()
    job = summary_at_work(staffed)
    collection = staffed.new_collection("Come and go")
    readings = []
    for _ in range(2):
        readings += [note(staffed, collection) for _ in range(8)]
        until(lambda: psutil.Process(staffed.one_worker().pid).children(), "a parser is begun")
        staffed.kill(staffed.one_worker(), signal.SIGTERM)
        staffed.one_worker()
    assert {staffed.ended(each)["status"] for each in (job, *readings)} == {"succeeded"}
    assert whole(staffed)
