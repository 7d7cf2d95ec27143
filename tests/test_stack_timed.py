"""Webhooks, watched folders and the night with real processes."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from fleet import Fleet, until
from receiver import listening
from test_stack import report

pytestmark = pytest.mark.slow


def test_what_comes_into_a_folder_is_read_and_told(fleet: Fleet) -> None:
    worker = fleet.start_worker()
    inbox = fleet.folder / "inbox"
    inbox.mkdir()
    collection = fleet.new_collection("From a folder")
    with listening() as receiver:
        hook = fleet.client.post("/v1/webhooks", json={"url": receiver.url}).json()["id"]
        tested = fleet.client.post(f"/v1/webhooks/{hook}/test").json()
        assert tested["status"] == "delivered", tested
        what = {"kind": "watch", "collection_id": collection, "folder": str(inbox)}
        wanted = {"name": "Inbox", "cron": "* * * * *", "what": what}
        made = fleet.client.post("/v1/schedules", json=wanted)
        assert made.status_code == 201, made.text
        (inbox / "minutes.txt").write_text(report(1, "inbox"))
        where = f"/v1/schedules/{made.json()['id']}"

        def added() -> bool:
            fleet.client.post(f"{where}/run")
            time.sleep(1)
            return bool(fleet.get(f"/v1/collections/{collection}/documents")["documents"])

        until(added, "the file is added")
        until(lambda: len(receiver.heard) > 1, "its reading is told")
        told = receiver.heard[1].json
        assert (told["type"], told["data"]["kind"]) == ("job.succeeded", "read")
        fleet.client.delete(f"/v1/webhooks/{hook}")
        fleet.client.delete(where)
    began = time.monotonic()
    fleet.kill(worker, signal.SIGTERM)
    assert worker.returncode == 0
    assert time.monotonic() - began < 15


def test_a_summary_waits_for_the_night_until_it_is_moved_to_the_front(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins, ends = (datetime.now(UTC) + timedelta(hours=hours) for hours in (2, 3))
    night = f"{begins:%H:%M}-{ends:%H:%M}"
    environment = {**fleet.environment, "LECTERN_NIGHT": night, "LECTERN_TIMEZONE": "UTC"}
    monkeypatch.setattr(Fleet, "environment", property(lambda _: environment))
    worker = fleet.start_worker()
    collection = fleet.new_collection("By night")
    document = fleet.read(collection, night_md=report(1, "night").encode())[0]
    job = fleet.ask_for(kind="summary", document_id=document["id"], when="night")["id"]
    until(lambda: fleet.job(job)["estimate"], "it has been looked through")
    time.sleep(2)
    assert not fleet.done_steps(job)
    fleet.client.post(f"/v1/jobs/{job}/priority", json={"front": True})
    assert fleet.ended(job)["status"] == "succeeded"
    fleet.kill(worker, signal.SIGTERM)
