"""Schedules, made and asked about."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from test_service_app import allow, problem

import workers.settings

Made = dict[str, Any]


@pytest.fixture
def collection(client: TestClient) -> str:
    return str(client.post("/v1/collections", json={"name": "Minutes"}).json()["id"])


def body(collection: str, **more: Any) -> Made:
    what = {"kind": "summaries", "collection_id": collection, "when": "night"}
    return {"name": "Every night", "cron": "0 22 * * *", "timezone": "UTC", "what": what, **more}


def test_a_schedule_is_made_held_run_and_removed(
    client: TestClient, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, owner_header="X-Remote-User")
    answer = client.post("/v1/schedules", json=body(collection), headers={"X-Remote-User": "me"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["owner"], made["active"], made["running"]) == ("me", True, False)
    assert made["next_run_at"] % 86_400 == 22 * 3_600
    where = f"/v1/schedules/{made['id']}"
    assert client.get(where).json() == made
    assert client.get("/v1/schedules").json() == {"schedules": [made]}
    held = client.patch(where, json={"active": False}).json()
    assert (held["active"], held["next_run_at"]) == (False, None)
    ran = client.post(f"{where}/run")
    assert ran.status_code == 202
    assert ran.json()["next_run_at"] is not None
    assert client.delete(where).status_code == 204
    assert problem(client.get(where)) == (404, "schedule_not_found")


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"cron": "at noon"}, (422, "bad_schedule")),
        ({"cron": "61 * * * *"}, (422, "bad_schedule")),
        ({"name": " "}, (422, "bad_schedule")),
        ({"timezone": "Mars/Olympus"}, (422, "unknown_timezone")),
        ({"what": {"kind": "dance"}}, (422, "invalid_request")),
        (
            {"what": {"kind": "summaries", "collection_id": "col_none"}},
            (404, "collection_not_found"),
        ),
        ({"what": {"kind": "summary", "document_id": "doc_none"}}, (404, "document_not_found")),
    ],
)
def test_what_can_not_be_kept_is_refused(
    client: TestClient, collection: str, more: Made, refusal: tuple[int, str]
) -> None:
    assert problem(client.post("/v1/schedules", json=body(collection, **more))) == refusal


def test_a_folder_must_be_one_that_may_be_watched(
    client: TestClient, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = {"kind": "watch", "collection_id": collection, "folder": str(tmp_path)}
    asked = body(collection, what=what)
    assert problem(client.post("/v1/schedules", json=asked)) == (422, "watching_off")
    monkeypatch.setenv("LECTERN_WATCH_FOLDERS", str(tmp_path / "inbox"))
    workers.settings.settings.cache_clear()
    assert problem(client.post("/v1/schedules", json=asked)) == (422, "folder_refused")
    what["folder"] = str(tmp_path / "inbox")
    assert client.post("/v1/schedules", json=asked).status_code == 201
