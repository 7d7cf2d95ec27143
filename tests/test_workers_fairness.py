"""The slots are shared among owners, then among jobs; nobody's thousands hide anybody's one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fakes import add_worker, new_collection, set_step, store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from ingest.database import reading, writing
from ingest.passages import Scope
from workers import dispatcher, jobs, submit
from workers.dispatcher import dispatch
from workers.jobs import Job, JobFilter
from workers.states import Lane, StepStatus, When
from workers.tables import JobRow, StepRow
from workers.wishes import Wish

pytestmark = pytest.mark.usefixtures("migrated")
Rung = list[tuple[Lane, str]]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Rung:
    """What was published, in order."""
    heard: Rung = []
    monkeypatch.setattr(dispatcher, "_ring", lambda *given: heard.append(given) or True)
    return heard


def readings(owner: str, count: int) -> list[Job]:
    collection = new_collection(f"Of {owner or 'nobody'}")
    wish = Wish(owner=owner)
    return [submit.read(store(collection, f"On day {day}.").id, wish=wish) for day in range(count)]


def owners(rung: Rung) -> list[str]:
    with reading() as session:
        owned = select(StepRow.id, JobRow.owner).join(JobRow, JobRow.id == StepRow.job_id)
        whose = dict(session.execute(owned).all())
    return [whose[step_id] for _, step_id in rung]


def test_one_job_of_somebody_goes_out_at_once_beside_fifty_of_another(rung: Rung) -> None:
    many = readings("many", 50)
    add_worker(batch=4)
    assert dispatch() == 4  # nobody else was there
    one = readings("one", 1)  # asking dispatches, but nothing is free
    assert len(rung) == 4
    set_step(rung[0][1], status=StepStatus.DONE)
    dispatch()
    assert owners(rung) == ["many"] * 4 + ["one"]
    assert jobs.steps_of(one[0].id)[0].status is StepStatus.PUBLISHED
    assert jobs.steps_of(many[4].id)[0].status is StepStatus.READY


def test_owners_share_the_slots_evenly_however_much_each_asks_for(rung: Rung) -> None:
    readings("many", 30)
    readings("few", 3)
    readings("", 9)
    add_worker(batch=9)
    dispatch()
    assert Counter(owners(rung)) == {"many": 3, "few": 3, "": 3}


def test_what_runs_already_counts(rung: Rung) -> None:
    readings("early", 6)
    add_worker(batch=3)
    dispatch()
    readings("late", 6)
    add_worker("second", batch=3)
    dispatch()
    assert Counter(owners(rung)) == {"early": 3, "late": 3}


def test_a_higher_priority_goes_before_fairness(rung: Rung) -> None:
    urgent = readings("many", 3)
    for job in urgent:
        jobs.prioritise(job.id, 5)
    readings("one", 3)
    add_worker(batch=4)
    dispatch()
    assert owners(rung) == ["many", "many", "many", "one"]


def test_the_interactive_lane_is_shared_too(rung: Rung) -> None:
    collection = new_collection()
    for owner in ("many", "many", "many", "one"):
        submit.search(Scope(collection), "Monday", 3, Wish(owner=owner))
    add_worker(interactive=1)
    dispatch()
    assert Counter(owners(rung)) == {"many": 1, "one": 1}


def test_jobs_are_listed_by_owner() -> None:
    (mine,), theirs = readings("me", 1), readings("them", 2)
    assert jobs.listing(JobFilter(owner="me")) == [jobs.get(mine.id)]
    assert {job.id for job in jobs.listing(JobFilter(owner="them"))} == {job.id for job in theirs}
    assert (mine.owner, mine.when) == ("me", When.NOW)
    assert jobs.listing(JobFilter(owner="")) == []


@dataclass(frozen=True)
class Waits:
    """A step that could be published."""

    job: str
    owner: str
    priority: int
    age: float


def greedy(waiting: dict[str, Waits], of_job: Counter[str], of_owner: Counter[str]) -> list[str]:
    """The rule as it is written: choose one after the other."""
    left, ordered = dict(waiting), list[str]()
    while left:
        best = min(
            left,
            key=lambda step: (
                -left[step].priority,
                of_owner[left[step].owner],
                of_job[left[step].job],
                left[step].age,
                step,
            ),
        )
        of_job[left[best].job] += 1
        of_owner[left[best].owner] += 1
        del left[best]
        ordered.append(best)
    return ordered


made_jobs = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b"]),  # owner
        st.integers(0, 2),  # priority
        st.integers(0, 5),  # steps that wait
        st.integers(0, 3),  # steps in flight
    ),
    max_size=6,
)


def fill(made: list[tuple[str, int, int, int]]) -> Iterator[tuple[str, Waits | None, str, str]]:
    """Rows of jobs and steps; yields each step's id, what waits, its job and its owner."""
    with writing() as session:
        session.execute(delete(StepRow))
        session.execute(delete(JobRow))
        for age, (owner, priority, ready, running) in enumerate(made):
            job = f"job_{age}"
            common = {"lane": Lane.BATCH, "created_at": float(age)}
            session.add(
                JobRow(id=job, kind="read", status="running", owner=owner, priority=priority,
                       params={}, progress={}, **common)
            )  # fmt: skip
            session.flush()
            for place in range(ready + running):
                waits = place >= running
                step = f"step_{age}_{place}"
                status = StepStatus.READY if waits else StepStatus.RUNNING
                session.add(
                    StepRow(id=step, job_id=job, kind="embed", ordinal=place, status=status,
                            input={}, **common)
                )  # fmt: skip
                found = Waits(job, owner, priority, float(age)) if waits else None
                yield step, found, job, owner


@given(made_jobs)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_in_sql_is_that_of_choosing_one_after_the_other(
    made: list[tuple[str, int, int, int]],
) -> None:
    rows = list(fill(made))
    waiting = {step: found for step, found, _, _ in rows if found is not None}
    of_job = Counter(job for _, found, job, _ in rows if found is None)
    of_owner = Counter(owner for _, found, _, owner in rows if found is None)
    with reading() as session:
        ordered = list(session.scalars(dispatcher._fair_order(Lane.BATCH, 2e9)))
    assert ordered == greedy(waiting, of_job, of_owner)
