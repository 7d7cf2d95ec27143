"""What is asked for again and again: each time once, whoever looks, whatever is cut short."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import Office, new_collection, read, store

import workers.settings
from ingest import library
from ingest.database import now, reading, writing
from ingest.errors import CollectionNotFound, DocumentNotFound, FolderRefused, WatchingOff
from ingest.records import Document
from ingest.tables import DocumentRow, VersionRow
from workers import errands, jobs, schedules, submit, turns, watching
from workers.errors import BadSchedule, ScheduleNotFound, TimezoneUnknown
from workers.jobs import JobFilter
from workers.schedules import Schedule, Timing
from workers.states import JobKind, JobStatus, When
from workers.tables import JobRow, ScheduleRow

pytestmark = pytest.mark.usefixtures("migrated")
HOURLY = Timing("0 * * * *", "UTC")


@pytest.fixture
def collection() -> str:
    return new_collection()


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may be watched, whose files count as settled at once."""
    made = tmp_path / "inbox"
    made.mkdir()
    monkeypatch.setenv("LECTERN_WATCH_FOLDERS", f"/nowhere, {made}")
    workers.settings.settings.cache_clear()
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.0)
    return made


def make(what: dict[str, Any], timing: Timing = HOURLY, owner: str = "") -> Schedule:
    return schedules.create("Nightly", timing, what, owner)


def watch(collection: str, folder: Path) -> Schedule:
    return make({"kind": "watch", "collection_id": collection, "folder": str(folder)})


def set_row(schedule: Schedule, **values: Any) -> None:
    with writing() as session:
        row = session.get_one(ScheduleRow, schedule.id)
        for name, value in values.items():
            setattr(row, name, value)


def run(schedule: Schedule) -> Schedule:
    """One run that is due now, and what became of it."""
    schedules.run_now(schedule.id)
    assert errands.run_due()
    return schedules.get(schedule.id)


def summaries_of(collection: str) -> list[jobs.Job]:
    return jobs.listing(JobFilter(kind=JobKind.SUMMARY, collection_id=collection))


def documents(collection: str) -> list[Document]:
    with reading() as session:
        return library.documents(session, collection)


# When


def test_it_is_due_when_its_time_has_come_and_then_an_hour_later(collection: str) -> None:
    made = make({"kind": "summaries", "collection_id": collection})
    with reading() as session:
        moment = now(session)
    assert made.next_run_at is not None
    assert moment < made.next_run_at <= moment + 3_600
    assert made.next_run_at % 3_600 == 0
    assert not errands.run_due()
    set_row(made, next_run_at=moment - 7 * 3_600)  # nobody was there for hours
    assert errands.run_due()
    seen = schedules.get(made.id)
    assert moment < (seen.next_run_at or 0) <= moment + 3_600
    assert moment <= (seen.last_run_at or 0) < moment + 60
    assert (seen.last_outcome, seen.last_error) == ({"jobs": 0}, None)
    assert not errands.run_due()  # once, not seven times


def test_two_that_look_at_once_do_not_both_run_it(collection: str) -> None:
    made = make({"kind": "summaries", "collection_id": collection})
    schedules.run_now(made.id)
    first, second = turns.take(), turns.take()
    assert first is not None
    assert second is None
    schedules.run_now(made.id)  # it is due again before it has ended
    assert turns.take() is None
    turns.settle(first, {"jobs": 0}, None)
    assert turns.take() is not None


def test_a_run_that_was_cut_short_is_taken_up_again(collection: str) -> None:
    document = read(Office(), collection, "On Monday.")
    made = make({"kind": "summary", "document_id": document.id})
    schedules.run_now(made.id)
    taken = turns.take()
    assert taken is not None
    errands.summary(taken)  # and then the worker dies
    assert not errands.run_due()
    set_row(made, running_until=1.0)
    assert errands.run_due()
    assert len(summaries_of(collection)) == 1
    assert schedules.get(made.id).running_until is None
    run(made)
    assert len(summaries_of(collection)) == 2


def test_what_rests_runs_only_when_told_to(collection: str) -> None:
    made = make({"kind": "summaries", "collection_id": collection})
    assert schedules.set_active(made.id, active=False).next_run_at is None
    assert not errands.run_due()
    seen = run(made)
    assert (seen.active, seen.next_run_at) == (False, None)
    assert seen.last_run_at is not None
    assert schedules.set_active(made.id, active=True).next_run_at is not None


def test_what_can_not_be_kept_is_refused(collection: str) -> None:
    what = {"kind": "summaries", "collection_id": collection}
    for timing, error in (
        (Timing("never"), BadSchedule),
        (Timing("0 0 30 2 *"), BadSchedule),
        (Timing("* * * * *", "Mars/Olympus"), TimezoneUnknown),
    ):
        with pytest.raises(error):
            make(what, timing)
    with pytest.raises(BadSchedule):
        schedules.create("\u202e \n", HOURLY, what)
    for other, missing in (
        ({"kind": "summaries", "collection_id": "col_none"}, CollectionNotFound),
        ({"kind": "summary", "document_id": "doc_none"}, DocumentNotFound),
        ({"kind": "watch", "collection_id": collection, "folder": "/tmp"}, WatchingOff),
    ):
        with pytest.raises(missing):
            make(other)
    assert schedules.listing() == []
    for ask in (schedules.get, schedules.delete, schedules.run_now):
        with pytest.raises(ScheduleNotFound):
            ask("sched_none")


# Summaries


def test_a_summary_is_asked_for_as_it_was_wished(collection: str) -> None:
    document = read(Office(), collection, "On Monday.")
    what = {"kind": "summary", "document_id": document.id, "priority": 3, "when": "night"}
    made = make(what, owner="me")
    assert run(made).last_outcome == {"jobs": 1}
    (job,) = summaries_of(collection)
    assert (job.owner, job.priority, job.when) == ("me", 3, When.NIGHT)


def test_only_versions_without_a_summary_are_summarised(collection: str) -> None:
    office = Office()
    done, open_, failed, never = (
        read(office, collection, f"On day {day}.", f"{day}.txt") for day in range(4)
    )
    store(collection, "Not read yet.")
    office.work(submit.summary(done.id))
    submit.summary(open_.id)
    job = submit.summary(failed.id)
    with writing() as session:
        session.get_one(JobRow, job.id).status = JobStatus.FAILED
    made = make({"kind": "summaries", "collection_id": collection})
    assert run(made).last_outcome == {"jobs": 2}
    assert {job.document_id for job in summaries_of(collection)[:2]} == {failed.id, never.id}
    assert run(made).last_outcome == {"jobs": 0}
    with writing() as session:  # a new version comes in
        version = VersionRow(id="ver_2", document_id=done.id, number=2, sha256="0" * 64, size=1,
                             empty_pages="", created_at=1.0)  # fmt: skip
        session.add(version)
        session.get_one(DocumentRow, done.id).current_version_id = "ver_2"
    assert run(made).last_outcome == {"jobs": 1}


def test_what_it_is_about_may_go_and_then_it_rests(collection: str) -> None:
    office = Office()
    made = make({"kind": "summaries", "collection_id": collection})
    office.work(submit.delete_collection(collection))
    seen = run(made)
    assert (seen.active, seen.next_run_at) == (False, None)
    assert (seen.last_error or {})["code"] == "collection_not_found"


# Folders


def test_what_is_new_is_added_and_read_once(collection: str, inbox: Path) -> None:
    (inbox / "a.txt").write_text("On Monday.")
    (inbox / "deep").mkdir()
    (inbox / "deep" / "b.md").write_text("# Tuesday")
    made = watch(collection, inbox)
    seen = run(made)
    assert seen.last_outcome == {
        "jobs": 2, "added": 2, "duplicates": 0, "waiting": 0, "failed": 0, "failures": [],
    }  # fmt: skip
    Office().work()
    assert [(one.name, one.status) for one in documents(collection)] == [
        ("a.txt", "ready"),
        ("b.md", "ready"),
    ]
    assert (run(made).last_outcome or {})["added"] == 0
    assert len(jobs.listing(JobFilter(kind=JobKind.READ))) == 2


def test_what_changed_is_a_new_version_and_what_is_the_same_is_not(
    collection: str, inbox: Path
) -> None:
    (inbox / "a.txt").write_text("On Monday.")
    made = watch(collection, inbox)
    run(made)
    (inbox / "a.txt").write_text("On Monday, after all.")
    (inbox / "copy.txt").write_text("On Monday, after all.")
    told = run(made).last_outcome or {}
    assert (told["added"], told["waiting"], told["jobs"]) == (1, 1, 1)  # the first is being read
    Office().work()
    told = run(made).last_outcome or {}
    assert (told["added"], told["duplicates"], told["jobs"]) == (1, 0, 1)
    Office().work()
    first, copy = sorted(documents(collection), key=lambda one: one.name)
    assert (first.name, first.version and first.version.number) == ("a.txt", 2)
    assert (copy.name, copy.version and copy.version.number) == ("copy.txt", 1)


def test_a_changed_file_whose_document_is_gone_or_of_another_kind_is_a_new_one(
    collection: str, inbox: Path
) -> None:
    for name in ("gone.txt", "turned"):
        (inbox / name).write_text(f"{name} on Monday.")
    made = watch(collection, inbox)
    run(made)
    Office().work()
    gone = next(one for one in documents(collection) if one.name == "gone.txt")
    submit.delete_document(gone.id)
    Office().work()
    (inbox / "gone.txt").write_text("It is back.")
    (inbox / "turned").write_text("<!doctype html><title>Turned</title><p>Into a page.</p>")
    told = run(made).last_outcome or {}
    assert (told["added"], told["failed"]) == (2, 0)
    kinds = {(one.name, one.media_type) for one in documents(collection)}
    assert kinds == {
        ("gone.txt", "text/plain"), ("turned", "text/plain"), ("turned", "text/html"),
    }  # fmt: skip


def test_what_is_still_written_waits(
    collection: str, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 10.0)
    (inbox / "a.txt").write_text("half a sen")
    made = watch(collection, inbox)
    assert (run(made).last_outcome or {})["waiting"] == 1
    assert documents(collection) == []
    monkeypatch.setattr(watching.time, "time", lambda: (inbox / "a.txt").stat().st_ctime + 11)
    assert (run(made).last_outcome or {})["added"] == 1


def test_one_bad_file_does_not_stop_the_others(collection: str, inbox: Path) -> None:
    (inbox / "a.bin").write_bytes(b"\x7fELF" + bytes(range(256)) * 9)
    (inbox / "b.txt").write_bytes(b"")
    (inbox / "c.txt").write_text("On Monday.")
    made = watch(collection, inbox)
    told = run(made).last_outcome or {}
    assert (told["added"], told["failed"]) == (1, 2)
    assert [(one["file"], one["code"]) for one in told["failures"]] == [
        ("a.bin", "unsupported_type"),
        ("b.txt", "empty_file"),
    ]
    again = run(made).last_outcome or {}
    assert (again["added"], again["failures"]) == (0, told["failures"])
    (inbox / "a.bin").unlink()
    (inbox / "b.txt").write_text("Now there is something.")
    healed = run(made).last_outcome or {}
    assert (healed["added"], healed["failed"]) == (1, 0)


def test_a_file_too_large_is_not_taken(
    collection: str, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    workers.settings.settings.cache_clear()
    (inbox / "a.txt").write_text("word " * 300_000)
    told = run(watch(collection, inbox)).last_outcome or {}
    assert told["failures"][0]["code"] == "file_too_large"


def test_links_lead_nowhere(collection: str, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("key")
    (inbox / "a.txt").symlink_to(tmp_path / "secret.txt")
    (inbox / "b").symlink_to(tmp_path)
    told = run(watch(collection, inbox)).last_outcome or {}
    assert (told["added"], told["failed"]) == (0, 0)


def test_only_allowed_folders_are_watched_also_later(
    collection: str, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FolderRefused):
        watch(collection, inbox.parent)
    made = watch(collection, inbox)
    monkeypatch.delenv("LECTERN_WATCH_FOLDERS")
    workers.settings.settings.cache_clear()
    seen = run(made)
    assert (seen.last_error or {})["code"] == "watching_off"
    assert seen.active


def test_a_folder_that_is_away_is_waited_for(collection: str, inbox: Path) -> None:
    made = watch(collection, inbox)
    inbox.rename(inbox.with_name("away"))
    assert (run(made).last_error or {})["code"] == "folder_missing"
    inbox.with_name("away").rename(inbox)
    assert run(made).last_error is None


def test_a_turn_that_dies_half_way_loses_and_doubles_nothing(
    collection: str, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (inbox / f"{name}.txt").write_text(f"On day {name}.")
    made = watch(collection, inbox)
    places: list[tuple[Any, str]] = [
        (submit, "read_new"), (watching, "mark"), (watching, "_kept"),
    ]  # fmt: skip
    for module, name in places:
        with monkeypatch.context() as patched:
            patched.setattr(module, name, dies)
            schedules.run_now(made.id)
            with pytest.raises(ZeroDivisionError):
                errands.run_due()
        set_row(made, running_until=1.0)
    assert errands.run_due()
    Office().work()
    assert [one.status for one in documents(collection)] == ["ready"] * 3
    reads = jobs.listing(JobFilter(kind=JobKind.READ))
    assert len(reads) == len({job.document_id for job in reads}) == 3


def dies(*_: Any) -> Any:
    raise ZeroDivisionError


def test_a_schedule_removed_while_it_runs_ends_its_run(
    collection: str, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.txt").write_text("On Monday.")
    (inbox / "b.txt").write_text("On Tuesday.")
    made = watch(collection, inbox)
    kept: Callable[..., Any] = watching._kept

    def removing(*given: Any) -> Any:
        found = kept(*given)
        if schedules.listing():
            schedules.delete(made.id)
        return found

    monkeypatch.setattr(watching, "_kept", removing)
    schedules.run_now(made.id)
    assert errands.run_due()
    assert schedules.listing() == []
    assert len(documents(collection)) == 1


def test_a_summary_has_the_form_that_was_asked_for(collection: str) -> None:
    document = read(Office(), collection, "On Monday.")
    what = {"kind": "summary", "document_id": document.id, "style": "brief", "length": 50}
    run(make(what))
    form = summaries_of(collection)[0].params["form"]
    assert (form["style"], form["length"], form["language"]) == ("brief", 50, None)
