"""What machines that watch the service are told."""

from dataclasses import fields

import pytest
from fastapi.testclient import TestClient

import workers.settings
from ingest.database import now, writing
from service import metrics
from workers import events
from workers.engine.load import Load
from workers.tables import WorkerRow


def heartbeat(age: float, engine: dict[str, float] | None = None) -> None:
    with writing() as session:
        session.add(
            WorkerRow(
                id=f"worker-{age}",
                host="here",
                pid=1,
                process_started=0.0,
                model="none",
                batch_slots=0,
                interactive_slots=0,
                seen_at=now(session) - age,
                engine=engine,
            )
        )


def test_a_process_that_answers_is_healthy(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_when_all_parts_are(redis_url: str, client: TestClient) -> None:
    heartbeat(age=1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["parts"]) >= {"database", "redis", "worker"}


def test_it_is_told_which_worker_has_which_model(redis_url: str, client: TestClient) -> None:
    heartbeat(age=1)
    with writing() as session:
        row = session.get_one(WorkerRow, "worker-1")
        row.about = {"model": "Small-Q8_0", "state": "leaving", "node": 1, "local": 0.98}
    part = client.get("/readyz").json()["parts"]["worker"]
    (told,) = part["workers"]
    assert (told["host"], told["pid"], told["model"]) == ("here", 1, "Small-Q8_0")
    assert (told["state"], told["node"], told["local"]) == ("leaving", 1, 0.98)
    assert "Model: Small-Q8_0." in part["message"]
    assert "Node 1 holds 98% of its worker's memory." in part["message"]


@pytest.mark.parametrize("age", [None, 31])
def test_it_is_not_ready_without_a_worker(
    redis_url: str, client: TestClient, age: float | None
) -> None:
    if age is not None:
        heartbeat(age)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [name for name, part in answer.json()["parts"].items() if not part["ok"]] == ["worker"]


def test_it_is_not_ready_without_redis(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat(age=1)
    monkeypatch.setenv("LECTERN_REDIS_URL", "unix:///nowhere/redis.sock")
    events._client.cache_clear()
    workers.settings.settings.cache_clear()
    parts = client.get("/readyz").json()["parts"]
    assert parts["redis"] == {"ok": False, "message": "Redis does not answer."}
    assert parts["database"]["ok"]


def test_requests_are_counted_by_route_and_jobs_by_status(client: TestClient) -> None:
    for number in range(3):
        client.get(f"/v1/jobs/job_{number}")
    client.request("BREW", "/pot")
    text = client.get("/metrics").text
    labels = 'method="GET",route="/v1/jobs/{job_id}"'
    assert f'lectern_http_requests_total{{{labels},status="404"}} 3' in text
    assert f"lectern_http_request_seconds_count{{{labels}}} 3" in text
    assert f'lectern_http_request_seconds_bucket{{le="+Inf",{labels}}} 3' in text
    assert 'method="other",route="other",status="404"' in text
    assert 'lectern_jobs{status="queued"} 0' in text


def test_what_the_engines_of_live_workers_do_is_told(client: TestClient) -> None:
    heartbeat(1, {"steps": 40, "busy_seconds": 2.5, "waiting": 3, "of_another_version": 1})
    heartbeat(2)
    heartbeat(40, {"steps": 7})
    text = client.get("/metrics").text
    labels = 'host="here",worker="worker-1"'
    assert f"lectern_engine_steps_total{{{labels}}} 40" in text
    assert f"lectern_engine_busy_seconds_total{{{labels}}} 2.5" in text
    assert f"lectern_engine_waiting{{{labels}}} 3" in text
    assert "# TYPE lectern_engine_waiting gauge" in text
    assert "another_version" not in text
    assert {line for line in text.splitlines() if 'worker="worker-2"' in line} == set()
    assert 'worker="worker-40"' not in text


def test_every_figure_of_an_engine_has_a_metric() -> None:
    assert {field.name for field in fields(Load)} == {*metrics.COUNTERS, *metrics.GAUGES}
