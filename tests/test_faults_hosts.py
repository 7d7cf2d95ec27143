"""A host that holds a part of the model is lost: nobody is to blame, and the work goes on later."""

from pathlib import Path

import pytest
from fleet import PATIENCE, Fleet, until
from lenders import Lender, lenders
from mishaps import claims, summary_at_work

from ingest.errors import Unavailable
from workers.engine.hosts import Endpoint, greet

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.faults(25)
def test_a_job_waits_for_hosts_that_are_killed_or_fall_silent_and_succeeds_when_they_are_back(
    staffed: Fleet, tmp_path: Path
) -> None:
    """Of one whose cable is pulled no packet says that it is gone; the library would wait on."""
    staffed.dismiss()
    with lenders(2, tmp_path) as hosts:
        for host in hosts:
            host.start()
        servers = ",".join(map(str, hosts))
        worker = staffed.start_worker(rpc_servers=servers)
        job = summary_at_work(staffed)
        hosts[1].kill()
        worker.wait(PATIENCE)
        done = given_back(staffed, job)
        assert_says_why(staffed, job, servers, hosts[1])
        hosts[1].start()
        worker = staffed.start_worker(rpc_servers=servers)
        if hosts[0].has_cable:
            until(lambda: "running" in states(staffed, job), "the work goes on")
            hosts[0].pull_cable()
            worker.wait(PATIENCE)
            done |= given_back(staffed, job)
            hosts[0].plug_in()
            until(lambda: answers(hosts[0]), "the host has noticed as well")
            staffed.start_worker(rpc_servers=servers)
        assert staffed.ended(job)["status"] == "succeeded"
        after = {step["id"]: step for step in staffed.steps(job)}
        assert {step_id: after[step_id] for step_id in done} == done
        assert {lost for _, _, lost in claims(staffed, job)} == {0}
        staffed.dismiss()


def states(lectern: Fleet, job: str) -> set[str]:
    return {step["status"] for step in lectern.steps(job)}


def answers(host: Lender) -> bool:
    try:
        return bool(greet(Endpoint(host.address, host.port), 1.0).free)
    except Unavailable:
        return False


def given_back(lectern: Fleet, job: str) -> dict[str, object]:
    """What is done stays done; the rest waits, and nothing is counted against it."""
    steps = lectern.steps(job)
    assert states(lectern, job) <= {"done", "ready", "published"}
    assert {step["lost"] + step["retries"] for step in steps} == {0}
    assert lectern.workers() == []
    assert "rpc_host_lost" in lectern.log("worker")
    return {step["id"]: step for step in steps if step["status"] == "done"}


def assert_says_why(lectern: Fleet, job: str, servers: str, away: Lender) -> None:
    """The next start refuses, and everybody who asks is told which host it is."""
    unfit = lectern.spawn_worker(rpc_servers=servers)
    assert unfit.wait(PATIENCE) == 1, lectern.log("worker")
    assert "rpc_host_away" in lectern.log("worker")
    ready = lectern.client.get("/readyz")
    assert ready.status_code == 503
    assert str(away) in ready.json()["parts"]["worker"]["message"]
    told = lectern.job(job)
    assert told["status"] == "running"
    assert told["waiting"]["reason"] == "no_worker"
    assert str(away) in told["waiting"]["message"]
