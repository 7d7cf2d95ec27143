"""Work that can wait for the night: when the window is open, and what waits for it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock

import pytest
from fakes import Office, add_worker, first_step, new_collection, prose, read
from sqlalchemy import update

import workers.settings
from ingest.database import now, reading, writing
from workers import dispatcher, jobs, night, submit
from workers.dispatcher import dispatch
from workers.errors import TimezoneUnknown
from workers.jobs import Job
from workers.localtime import zone
from workers.night import Window
from workers.settings import Settings
from workers.states import JobStatus, Lane, StepStatus, When
from workers.tables import EstimateRow, StepRow
from workers.wishes import Wish

HOUR = 3_600.0
NIGHT = Wish(when=When.NIGHT)
SetWindow = Callable[[float, float], None]


def at(clock: str) -> float:
    """A moment by its UTC time."""
    return datetime.fromisoformat(clock).replace(tzinfo=UTC).timestamp()


def window(hours: str, place: str = "UTC") -> Window:
    begins, ends = (clock.fromisoformat(each) for each in hours.split("-"))
    return Window(begins, ends, zone(place))


@pytest.fixture
def open_from(monkeypatch: pytest.MonkeyPatch) -> SetWindow:
    """Set the window by hours from now."""

    def set_window(begins: float, ends: float) -> None:
        moment = datetime.now(UTC)
        clocks = [f"{moment + timedelta(hours=hours):%H:%M}" for hours in (begins, ends)]
        monkeypatch.setenv("LECTERN_NIGHT", "-".join(clocks))
        monkeypatch.setenv("LECTERN_TIMEZONE", "UTC")
        workers.settings.settings.cache_clear()

    return set_window


# The window


def test_a_window_may_lie_over_midnight() -> None:
    made = window("22:00-06:00")
    assert [made.open(at(f"2026-05-04T{clock}")) for clock in ("21:59", "22:00", "23:59")] == [
        False, True, True,
    ]  # fmt: skip
    assert [made.open(at(f"2026-05-05T{clock}")) for clock in ("00:00", "05:59", "06:00")] == [
        True, True, False,
    ]  # fmt: skip
    assert made.opening(at("2026-05-05T06:00")) == at("2026-05-05T22:00")
    assert made.opening(at("2026-05-05T03:00")) == at("2026-05-05T03:00")


def test_or_within_a_day_or_all_of_it() -> None:
    noon = window("12:00-13:00")
    assert noon.open(at("2026-05-04T12:30"))
    assert noon.opening(at("2026-05-04T13:00")) == at("2026-05-05T12:00")
    assert all(window("00:00-00:00").open(at(f"2026-05-04T{hour:02}:00")) for hour in range(24))


def test_it_goes_by_the_clocks_of_its_place_also_when_they_are_changed() -> None:
    berlin = window("22:00-06:00", "Europe/Berlin")
    assert berlin.opening(at("2026-03-28T12:00")) == at("2026-03-28T21:00")
    assert berlin.opening(at("2026-03-29T12:00")) == at("2026-03-29T20:00")
    # In one of these nights the hour from 2 to 3 is left out, in the other it comes twice.
    assert berlin.open_seconds(at("2026-03-28T12:00"), at("2026-03-29T12:00")) == 7 * HOUR
    assert berlin.open_seconds(at("2026-10-24T12:00"), at("2026-10-25T12:00")) == 9 * HOUR


def test_a_window_that_a_night_leaves_out_opens_in_the_next() -> None:
    gap = window("02:10-02:50", "Europe/Berlin")
    assert gap.opening(at("2026-03-29T00:30")) >= at("2026-03-29T01:00")
    assert gap.open(at("2026-03-30T00:20"))


def test_open_time_is_counted_and_found_again() -> None:
    made = window("22:00-06:00")
    begin = at("2026-05-04T12:00")
    assert made.open_seconds(begin, at("2026-05-04T20:00")) == 0
    assert made.open_seconds(begin, at("2026-05-05T23:00")) == 9 * HOUR
    assert made.open_seconds(begin, begin - HOUR) == 0
    assert made.after(begin, 3 * HOUR) == at("2026-05-05T01:00")
    assert made.after(begin, 8 * HOUR) == at("2026-05-05T06:00")
    assert made.after(begin, 9 * HOUR) == at("2026-05-05T23:00")
    assert made.after(at("2026-05-05T05:00"), 2 * HOUR) == at("2026-05-05T23:00")


@pytest.mark.parametrize("odd", ["22:00", "22:00-24:00", "22-06", "22:00-06:60", "night"])
def test_an_odd_window_is_refused_at_the_start(odd: str) -> None:
    with pytest.raises(ValueError, match="night"):
        Settings(night=odd)


@pytest.mark.parametrize("odd", ["Mars/Olympus", "Europe", "../etc/passwd", "x\0y"])
def test_so_is_an_unknown_time_zone(odd: str) -> None:
    with pytest.raises(TimezoneUnknown):
        Settings(timezone=odd)


def test_without_a_name_the_systems_clocks_count() -> None:
    begins = datetime.fromtimestamp(time.time()).replace(second=0, microsecond=0)
    own = Window(begins.time(), (begins + timedelta(hours=2)).time(), zone(""))
    assert own.open(time.time())


# Jobs that wait for it


@pytest.fixture
def office(migrated: object, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(dispatcher, "_ring", lambda *_: True)
    return Office()


def asked(office: Office, wish: Wish = NIGHT) -> Job:
    document = read(office, new_collection(), prose(67))
    return submit.summary(document.id, wish=wish)


def published(job: Job) -> list[str]:
    return [step.kind for step in jobs.steps_of(job.id) if step.status is StepStatus.PUBLISHED]


def promised_since(job: Job, seconds: float) -> None:
    """As if the night for which the estimate was made had begun that long ago."""
    with writing() as session:
        session.get_one(EstimateRow, job.id).made_at = now(session) - seconds


def outlined(office: Office, job: Job) -> None:
    office.runtime.run(first_step(job).id)


def test_it_is_looked_through_at_once_and_then_waits(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    job = asked(office)
    add_worker()
    assert jobs.get(job.id).waiting.reason == "queued"
    dispatch()
    assert published(job) == ["outline"]
    outlined(office, job)
    assert dispatch() == 0
    assert not dispatcher._anything_ready()
    seen = jobs.get(job.id)
    assert (seen.status, seen.when) == (JobStatus.RUNNING, When.NIGHT)
    assert seen.waiting is not None
    assert (seen.waiting.reason, seen.waiting.position) == ("night", 1)
    assert HOUR < (seen.waiting.starts_in or 0) <= 2 * HOUR
    assert seen.estimate is not None
    assert seen.estimate.remaining == pytest.approx(
        (seen.waiting.starts_in or 0) + seen.estimate.p50, abs=2
    )


def test_it_runs_when_the_window_opens(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    job = asked(office)
    outlined(office, job)
    add_worker()
    assert dispatch() == 0
    open_from(-1, 1)
    promised_since(job, HOUR)
    assert dispatch() > 0
    assert set(published(job)) == {"section"}
    assert jobs.get(job.id).waiting is None
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.estimate is not None
    assert ended.estimate.real is not None


def test_what_runs_when_it_closes_is_finished_and_the_rest_waits(
    office: Office, open_from: SetWindow
) -> None:
    open_from(-1, 1)
    job = asked(office)
    outlined(office, job)
    add_worker(batch=1)
    dispatch()
    assert published(job) == ["section"]
    open_from(2, 3)
    running = next(s for s in jobs.steps_of(job.id) if s.status is StepStatus.PUBLISHED)
    assert jobs.get(job.id).waiting is None
    office.runtime.run(running.id)
    assert {s.id: s.status for s in jobs.steps_of(job.id)}[running.id] is StepStatus.DONE
    assert dispatch() == 0
    assert jobs.get(job.id).waiting.reason == "night"


def test_moving_it_to_the_front_starts_it_now(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    job = asked(office)
    outlined(office, job)
    add_worker()
    assert dispatch() == 0
    moved = jobs.prioritise(job.id, None)
    assert (moved.when, moved.waiting) == (When.NOW, None)
    assert moved.estimate is not None
    assert moved.estimate.remaining == pytest.approx(moved.estimate.p50, abs=2)
    assert dispatch() > 0


def test_another_priority_does_not(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    job = asked(office)
    outlined(office, job)
    add_worker()
    assert jobs.prioritise(job.id, 7).when is When.NIGHT
    assert dispatch() == 0


def test_it_is_in_nobodys_way_by_day(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    outlined(office, asked(office))
    document = read(office, new_collection("Other"), prose(40, topic="tide"))
    by_day = submit.summary(document.id)
    outlined(office, by_day)
    add_worker()
    dispatch()
    assert published(by_day)
    with reading() as session:
        assert session.get_one(EstimateRow, by_day.id).wait == 0


def test_what_a_person_waits_for_does_not_wait_for_the_night(
    office: Office, open_from: SetWindow
) -> None:
    open_from(2, 3)
    document = read(office, new_collection(), "On Monday.")
    asked_for = submit.summary(document.id, wish=NIGHT, dry_run=True)
    assert (asked_for.lane, asked_for.when) == (Lane.INTERACTIVE, When.NOW)
    add_worker()
    assert dispatch() == 1 or published(asked_for) == ["estimate"]


def test_hours_of_waiting_are_no_hours_of_work(office: Office, open_from: SetWindow) -> None:
    open_from(-1, 1)
    job = asked(office)
    outlined(office, job)
    with writing() as session:  # it began in the night before, and the day was long
        row = session.get_one(EstimateRow, job.id)
        row.made_at = now(session) - 24 * HOUR
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.estimate is not None
    assert 1.9 * HOUR < (ended.estimate.real or 0) < 2.1 * HOUR


def test_it_can_be_cancelled_while_it_waits(office: Office, open_from: SetWindow) -> None:
    open_from(2, 3)
    job = asked(office)
    outlined(office, job)
    assert jobs.cancel(job.id).status is JobStatus.CANCELLED
    assert jobs.get(job.id).waiting is None


def test_a_step_that_was_put_off_waits_as_well(office: Office, open_from: SetWindow) -> None:
    open_from(-1, 1)
    job = asked(office)
    outlined(office, job)
    with writing() as session:
        later = now(session) + 60
        sections = StepRow.job_id == job.id, StepRow.kind == "section"
        session.execute(update(StepRow).where(*sections).values(not_before=later))
    add_worker()
    assert dispatch() == 0
    assert night.window().open(time.time())
