"""How a step is claimed, kept, given back and lost, on the real database."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from fakes import Office, add_worker, first_step, new_collection, read, set_step, store

from ingest.database import now, reading, writing
from ingest.errors import IndexUnavailable
from ingest.passages import Scope
from ingest.tables import DocumentRow, DocumentStatus
from workers import jobs, lifecycle, steps, submit
from workers.errors import LeaseLost
from workers.jobs import Job
from workers.states import JobStatus, StepStatus
from workers.tables import CheckpointRow, JobDocumentRow, StepRow, WorkerRow

pytestmark = pytest.mark.usefixtures("migrated")
LEASE = 60.0


@pytest.fixture
def job() -> Job:
    """A job with one step that waits."""
    return submit.read(store(new_collection(), "On Monday.").id)


def claimed(job: Job, owner: str = "a", lease: float = LEASE) -> steps.Claim:
    claim = steps.claim(first_step(job).id, owner, lease)
    assert claim is not None
    return claim


def row_of(job: Job) -> StepRow:
    with reading() as session:
        return session.get_one(StepRow, first_step(job).id)


def take_back() -> list[str]:
    with writing() as session:
        return steps.reclaim(session)


def test_one_of_many_claimants_gets_the_step(job: Job) -> None:
    step_id = first_step(job).id
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda owner: steps.claim(step_id, owner, LEASE), "abcdefgh"))
    winners = [claim for claim in got if claim is not None]
    assert len(winners) == 1
    assert winners[0].job.status is JobStatus.RUNNING
    step = first_step(job)
    assert (step.status, step.claims, step.fence) == (StepStatus.RUNNING, 1, 1)


def test_a_step_that_is_not_there_can_not_be_claimed(job: Job) -> None:
    assert steps.claim("step_none", "a", LEASE) is None
    jobs.cancel(job.id)
    assert steps.claim(first_step(job).id, "a", LEASE) is None
    assert first_step(job).claims == 0


def test_who_lost_the_lease_can_not_write(job: Job) -> None:
    old = claimed(job, "frozen", lease=-1)
    assert take_back() == []
    new = claimed(job, "other")
    assert (new.step.claims, new.step.lost, new.step.fence) == (2, 1, old.step.fence + 1)
    with pytest.raises(LeaseLost), steps.fenced(old.step) as session:
        session.get_one(DocumentRow, job.document_id).status = DocumentStatus.FAILED
    for late in (steps.finish, steps.give_up):
        with pytest.raises(LeaseLost), writing() as session:
            late(session, old.step, *([{}, None] if late is steps.finish else ["failed", None]))
    with steps.fenced(new.step) as session:
        steps.finish(session, new.step, {"pages": 1}, None)
    assert first_step(job).output == {"pages": 1}


def test_what_a_fenced_session_writes_is_gone_when_it_raises(job: Job) -> None:
    claim = claimed(job)
    with suppress(IndexUnavailable), steps.fenced(claim.step) as session:
        session.get_one(DocumentRow, job.document_id).name = "other"
        raise IndexUnavailable
    with reading() as session:
        assert session.get_one(DocumentRow, job.document_id).name == "a.txt"


def test_only_the_owner_renews(job: Job) -> None:
    claim = claimed(job, "a", lease=1)
    before = row_of(job).lease_until
    steps.renew([claim.step.id], "b", 500)
    assert row_of(job).lease_until == before
    steps.renew([claim.step.id], "a", 500)
    assert row_of(job).lease_until > before + 400


def test_a_worker_that_stops_gives_back_free_of_charge(job: Job) -> None:
    claim = claimed(job)
    with steps.fenced(claim.step) as session:
        assert steps.give_back(session, claim.step, None)
    step = first_step(job)
    assert (step.status, step.retries, step.lost, step.error) == (StepStatus.READY, 0, 0, None)
    assert row_of(job).not_before == 0
    assert claimed(job).step.claims == 2


def test_a_fault_is_tried_again_later_and_not_for_ever(job: Job) -> None:
    for place, delay in enumerate(steps.RETRY_DELAYS, 1):
        claim = claimed(job)
        with steps.fenced(claim.step) as session:
            assert steps.give_back(session, claim.step, IndexUnavailable())
            due = session.get_one(StepRow, claim.step.id).not_before
            assert due == pytest.approx(now(session) + delay, abs=1)
        step = first_step(job)
        assert (step.retries, step.error["code"]) == (place, "index_unavailable")
    claim = claimed(job)
    with steps.fenced(claim.step) as session:
        assert not steps.give_back(session, claim.step, IndexUnavailable())


def test_a_deletion_is_tried_until_it_succeeds(job: Job) -> None:
    deletion = submit.delete_document(str(job.document_id))
    for _ in range(2 * len(steps.RETRY_DELAYS)):
        claim = claimed(deletion)
        with steps.fenced(claim.step) as session:
            assert steps.give_back(session, claim.step, IndexUnavailable())
    assert row_of(deletion).not_before < 1e12


def test_a_publication_without_a_start_is_taken_back(job: Job) -> None:
    with reading() as session:
        moment = now(session)
    step_id = first_step(job).id
    set_step(step_id, status=StepStatus.PUBLISHED, published_at=moment)
    take_back()
    assert first_step(job).status is StepStatus.PUBLISHED
    set_step(step_id, published_at=moment - steps.PUBLISHED_SECONDS - 1)
    take_back()
    step = first_step(job)
    assert (step.status, step.lost) == (StepStatus.READY, 0)


def test_a_live_lease_is_left_alone(job: Job) -> None:
    claimed(job)
    assert take_back() == []
    assert first_step(job).status is StepStatus.RUNNING


def test_three_losses_poison_a_step(job: Job) -> None:
    for lost in range(1, steps.LOST_LIMIT):
        claimed(job, lease=-1)
        assert take_back() == []
        assert (first_step(job).status, first_step(job).lost) == (StepStatus.READY, lost)
    claimed(job, lease=-1)
    assert take_back() == [job.id]
    step = first_step(job)
    assert (step.status, step.error["code"]) == (StepStatus.POISONED, "step_poisoned")
    assert steps.claim(step.id, "a", LEASE) is None


def test_a_finished_step_is_never_claimed_again(job: Job) -> None:
    claim = claimed(job)
    with steps.fenced(claim.step) as session:
        steps.finish(session, claim.step, {}, None)
    finished_at = first_step(job).finished_at
    assert steps.claim(claim.step.id, "b", LEASE) is None
    assert take_back() == []
    step = first_step(job)
    assert (step.status, step.claims, step.finished_at) == (StepStatus.DONE, 1, finished_at)


def test_what_was_paid_for_is_kept_once_under_its_key(job: Job) -> None:
    claim = claimed(job)
    assert steps.checkpoint("key") is None
    with steps.fenced(claim.step) as session:
        session.add(CheckpointRow(key="key", document_id="d", output={"a": 1}, created_at=0.0))
        steps.finish(session, claim.step, {"a": 2}, "key")
    assert steps.checkpoint("key") == {"a": 1}


def test_leases_of_dead_workers_of_this_host_end_at_once(job: Job) -> None:
    for owner, pid in (("dead", 7), ("reused", 8), ("adjusted", 9)):
        add_worker(owner, pid=pid, process_started=1000.0)
    add_worker("elsewhere", host="there", pid=7)
    held = {}
    for owner in ("dead", "reused", "adjusted", "elsewhere"):
        each = submit.read(store(new_collection(owner), f"On {owner}.").id)
        held[owner] = claimed(each, owner).job
    steps.release_dead("here", {8: 5000.0, 9: 1001.0})
    with reading() as session:
        left = {row.id for row in session.query(WorkerRow)}
    assert left == {"adjusted", "elsewhere"}
    take_back()
    status = {owner: first_step(each).status for owner, each in held.items()}
    assert status == {
        "dead": StepStatus.READY,
        "reused": StepStatus.READY,
        "adjusted": StepStatus.RUNNING,
        "elsewhere": StepStatus.RUNNING,
    }


def test_a_job_draws_only_on_documents_that_are_there(job: Job) -> None:
    office = Office()
    collection = new_collection("Other")
    kept, gone = (read(office, collection, text, f"{text}.txt") for text in ("one.", "two."))
    search = submit.search(Scope(collection), "one", 5)
    claim = claimed(search)
    submit.delete_document(gone.id)
    with steps.fenced(claim.step) as session:
        assert steps.draw_on(session, claim.step, [kept.id, gone.id, "doc_x", kept.id]) == {kept.id}
    with reading() as session:
        noted = session.query(JobDocumentRow).filter_by(job_id=search.id)
        assert [row.document_id for row in noted] == [kept.id]


def test_the_queue_goes_on_behind_a_poisoned_step(job: Job) -> None:
    set_step(first_step(job).id, lost=steps.LOST_LIMIT - 1)
    claimed(job, lease=-1)
    with writing() as session:
        (ended,) = lifecycle.reclaim(session)
    assert (ended.id, ended.status, ended.error["code"]) == (
        job.id,
        JobStatus.FAILED,
        "step_poisoned",
    )
    with reading() as session:
        document = session.get_one(DocumentRow, job.document_id)
        assert (document.status, document.error_code) == (DocumentStatus.FAILED, "step_poisoned")
    other = submit.read(store(new_collection("Other"), "On Tuesday.").id)
    Office().work()
    assert jobs.get(other.id).status is JobStatus.SUCCEEDED
