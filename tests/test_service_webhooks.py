"""Webhooks, made and asked about."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fakes import add_worker
from fastapi.testclient import TestClient
from receiver import Receiver, listening
from test_service_app import problem

from service.routes import webhooks as routes
from workers import courier

Made = dict[str, Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


def make(client: TestClient, url: str = "http://hooks.example/", **more: Any) -> Made:
    answer = client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_the_secret_is_shown_once(client: TestClient) -> None:
    made = make(client)
    assert made.pop("secret").startswith("whsec_")
    assert made["events"] == ["succeeded", "failed", "cancelled"]
    assert (made["kinds"], made["active"]) == ([], True)
    assert client.get(f"/v1/webhooks/{made['id']}").json() == made
    assert client.get("/v1/webhooks").json() == {"webhooks": [made]}


def test_only_the_ends_and_kinds_that_there_are_can_be_wanted(client: TestClient) -> None:
    made = make(client, events=["failed", "failed"], kinds=["summary"])
    assert (made["events"], made["kinds"]) == (["failed"], ["summary"])
    for odd in ({"events": ["running"]}, {"events": []}, {"kinds": ["dance"]}, {"secret": "x"}):
        answer = client.post("/v1/webhooks", json={"url": "http://a.example/", **odd})
        assert problem(answer) == (422, "invalid_request")


def test_a_url_that_nothing_may_be_sent_to_is_refused(client: TestClient) -> None:
    for url in ("file:///etc/passwd", "http://169.254.169.254/", "http://a:b@c.example/"):
        assert problem(client.post("/v1/webhooks", json={"url": url})) == (422, "bad_webhook_url")


def test_a_webhook_can_be_held_and_removed(client: TestClient) -> None:
    where = f"/v1/webhooks/{make(client)['id']}"
    assert client.patch(where, json={"active": False}).json()["active"] is False
    assert client.delete(where).status_code == 204
    for answer in (client.get(where), client.delete(where), client.get(f"{where}/deliveries")):
        assert problem(answer) == (404, "webhook_not_found")


def test_a_test_waits_for_its_outcome(
    client: TestClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"/v1/webhooks/{make(client, receiver.url)['id']}"
    monkeypatch.setattr(routes, "LOOK_SECONDS", 0.02)
    add_worker()
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            courier.deliver()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        answer = client.post(f"{where}/test")
    finally:
        ended.set()
        worker.join()
    told = answer.json()
    assert (answer.status_code, told["status"], told["response_code"]) == (200, "delivered", 204)
    assert client.get(f"{where}/deliveries").json() == {"deliveries": [told]}
    assert receiver.heard[0].id == told["id"]


def test_without_a_worker_a_test_stays_pending(client: TestClient) -> None:
    where = f"/v1/webhooks/{make(client)['id']}"
    told = client.post(f"{where}/test").json()
    assert (told["status"], told["attempts"]) == ("pending", 0)


def test_a_delivery_can_be_sent_again(client: TestClient, receiver: Receiver) -> None:
    where = f"/v1/webhooks/{make(client, receiver.url)['id']}"
    receiver.status = 500
    told = client.post(f"{where}/test").json()
    courier.deliver()
    receiver.status = 200
    answer = client.post(f"{where}/deliveries/{told['id']}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    courier.deliver()
    (told,) = client.get(f"{where}/deliveries").json()["deliveries"]
    assert told["status"] == "delivered"
    missing = client.post(f"{where}/deliveries/msg_none/retry")
    assert problem(missing) == (404, "delivery_not_found")
