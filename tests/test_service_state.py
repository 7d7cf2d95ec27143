"""What machines that watch the service are told."""

import pytest
from fastapi.testclient import TestClient

import workers.settings
from ingest.database import now, writing
from workers import events
from workers.tables import WorkerRow


def heartbeat(age: float) -> None:
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
            )
        )


def test_a_process_that_answers_is_healthy(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_when_all_parts_are(redis_url: str, client: TestClient) -> None:
    heartbeat(age=1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["parts"]) >= {"database", "redis", "worker"}


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
