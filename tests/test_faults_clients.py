"""Clients that leave, come back and change their minds, and a service that is killed meanwhile."""

import signal
import time
from collections.abc import Callable

import httpx
import pytest
from fleet import Fleet, Made, heard, until
from mishaps import LONG_TEXT, gone, note, parser_of, summary_at_work

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: Longer than it takes on a machine that does nothing else; see `benchmarks.cancelling`.
SECONDS = 5.0


def cancel(lectern: Fleet, job: str) -> Made:
    """The job once it has ended after it was cancelled, twice."""
    for _ in range(2):
        assert lectern.client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    ended = lectern.ended(job)
    assert ended["status"] == "cancelled"
    assert ended["cancelled_after"] < SECONDS
    assert {step["status"] for step in lectern.steps(job)} <= {"done", "cancelled"}
    again = lectern.client.post(f"/v1/jobs/{job}/cancel")
    assert (again.status_code, again.json()) == (202, ended)
    return ended


@pytest.mark.faults(18)
def test_who_leaves_in_the_middle_of_an_answer_stops_it(staffed: Fleet) -> None:
    """What was written until then stays in the job's events, not in the conversation."""
    staffed.one_worker()
    collection = staffed.new_collection("Left alone")
    staffed.read(collection, notes_md=b"# Minutes\n\nThe harbour office met on Thursday.\n")
    asked = {"question": "On which day did the harbour office meet?", "stream": True}
    with staffed.client.stream("POST", f"/v1/collections/{collection}/ask", json=asked) as answer:
        story = heard(answer)
        job = next(story)["data"]["id"]
        token = next(event for event in story if event["event"] == "token")
    began = time.monotonic()
    until(lambda: staffed.job(job)["status"] == "cancelled", "the answer is stopped")
    assert time.monotonic() - began < SECONDS
    assert staffed.job(job)["cancelled_after"] < SECONDS
    whole = list(staffed.events(job))
    assert token in whole
    assert (whole[-1]["event"], whole[-1]["data"]["code"]) == ("error", "cancelled")
    free = "lectern_engine_interactive{"

    def nobody_is_answered() -> bool:
        lines = staffed.client.get("/metrics").text.splitlines()
        return {line.split()[-1] for line in lines if line.startswith(free)} == {"0.0"}

    until(nobody_is_answered, "the engine's place is free")


@pytest.mark.faults(19)
def test_what_nobody_has_begun_is_cancelled_at_once_and_says_why_it_waited(
    staffed: Fleet,
) -> None:
    staffed.dismiss()
    job = note(staffed, staffed.new_collection("Nobody there"))
    until(lambda: staffed.job(job)["waiting"]["reason"] == "no_worker", "no worker is seen")
    assert staffed.client.get("/readyz").status_code == 503
    cancel(staffed, job)
    assert [event["event"] for event in staffed.events(job)] == ["error"]


@pytest.mark.faults(19)
def test_a_reading_is_cancelled_while_it_is_parsed(staffed: Fleet) -> None:
    worker = staffed.one_worker()
    job = note(staffed, staffed.new_collection("Parsing"), long_txt=LONG_TEXT)
    parser = parser_of(worker)
    cancel(staffed, job)
    assert gone(parser)
    document = staffed.get(f"/v1/documents/{staffed.job(job)['document_id']}")
    assert (document["status"], document["error"]["code"]) == ("failed", "cancelled")


@pytest.mark.faults(19)
def test_a_reading_is_cancelled_while_it_is_embedded(staffed: Fleet) -> None:
    staffed.one_worker()
    job = note(staffed, staffed.new_collection("Embedding"), long_txt=LONG_TEXT)
    until(lambda: staffed.job(job)["progress"]["stage"] == "embedding", "it is embedded")
    cancel(staffed, job)


@pytest.mark.faults(19)
def test_a_summary_is_cancelled_while_it_is_written(staffed: Fleet) -> None:
    staffed.one_worker()
    cancel(staffed, summary_at_work(staffed))


@pytest.mark.faults(19)
def test_what_has_ended_stays_as_it_ended(staffed: Fleet) -> None:
    staffed.one_worker()
    ended = staffed.ended(note(staffed, staffed.new_collection("Too late")))
    answer = staffed.client.post(f"/v1/jobs/{ended['id']}/cancel")
    assert (answer.status_code, answer.json()) == (202, ended)


@pytest.mark.faults(23)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_story_goes_on_where_it_broke_off_when_the_service_was_restarted(
    staffed: Fleet, how: signal.Signals
) -> None:
    staffed.one_worker()
    job = summary_at_work(staffed)
    first = until_broken(staffed, job, lambda: staffed.kill(staffed.service, how))
    staffed.start_service()
    rest = list(staffed.events(job, after=first[-1]["id"]))
    assert rest[-1]["event"] == "done"
    whole = list(staffed.events(job))
    assert [*first, *rest] == whole
    places = [tuple(map(int, event["id"].split("-"))) for event in whole]
    assert places == sorted(set(places))


def until_broken(lectern: Fleet, job: str, end: Callable[[], None]) -> list[Made]:
    """What is heard of a job until the service is ended, after the first section."""
    told: list[Made] = []
    try:
        for event in lectern.events(job):
            told.append(event)
            if event["event"] == "partial" and lectern.service.poll() is None:
                end()
    except httpx.TransportError:
        pass  # nobody said good-bye
    return told
