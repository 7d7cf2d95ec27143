"""The door of the web process: hosts, origins, headers, and the shape of every refusal."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

import service.settings
from ingest.errors import EmbedderMissing, LecternError
from service import app as application
from service.app import create_app
from service.errors import status_of, status_of_code
from service.guard import BODY_BYTES


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= {"type", "title", "status", "detail", "code"}
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def allow(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"LECTERN_{name.upper()}", value)
    service.settings.settings.cache_clear()


@pytest.mark.parametrize("path", ["/healthz", "/v1/collections", "/docs", "/nothing", "/static/x"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5", "localhost@evil", "", "[::1"]
)
def test_other_names_are_not(client: TestClient, host: str) -> None:
    answer = client.get("/healthz", headers={"Host": host})
    assert problem(answer) == (421, "host_not_allowed")
    assert "content-security-policy" in answer.headers


def test_further_names_can_be_allowed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, allowed_hosts="lectern.example, other.example")
    assert client.get("/healthz", headers={"Host": "Lectern.example:443"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "third.example"}).status_code == 421


def test_a_service_on_every_interface_is_reached_by_address_but_by_no_name(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, host="0.0.0.0")
    assert client.get("/healthz", headers={"Host": "192.168.1.5:8000"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:3000",
        "http://localhost.evil",
        "http://[::1",
    ],
)
def test_pages_of_another_origin_change_nothing(client: TestClient, origin: str) -> None:
    answer = client.post("/v1/collections", json={"name": "x"}, headers={"Origin": origin})
    assert problem(answer) == (403, "cross_origin")
    assert client.get("/v1/collections").json() == {"collections": []}


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:80"])
def test_pages_of_this_origin_may(client: TestClient, origin: str) -> None:
    answer = client.post("/v1/collections", json={"name": "x"}, headers={"Origin": origin})
    assert answer.status_code == 201


def test_unknown_routes_and_methods_are_problems(client: TestClient) -> None:
    assert problem(client.get("/v1/nothing")) == (404, "not_found")
    assert problem(client.get("/static/../../etc/passwd")) == (404, "not_found")
    assert problem(client.put("/v1/collections")) == (405, "method_not_allowed")


HOSTILE_BODIES = {
    "no JSON": b"{",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "long number": b'{"name": ' + b"9" * 500_000 + b"}",
    "NaN": b'{"name": NaN}',
    "not text": b'{"name": "\xff"}',
    "surrogate": b'{"name": "\\ud800"}',
    "unknown field": b'{"name": "x", "admin": true}',
    "wrong type": b'{"name": {"$ne": 1}}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_hostile_bodies_are_refused(client: TestClient, body: bytes) -> None:
    answer = client.post(
        "/v1/collections", content=body, headers={"Content-Type": "application/json"}
    )
    status, code = problem(answer)
    assert (status, code) in {(422, "invalid_request"), (400, "malformed_request")}
    assert len(answer.content) < 5_000


def test_large_bodies_are_refused_with_and_without_their_length(client: TestClient) -> None:
    body = b" " * (BODY_BYTES + 1)
    headers = {"Content-Type": "application/json"}
    declared = client.post("/v1/collections", content=body, headers=headers)
    assert problem(declared) == (413, "body_too_large")
    chunked = client.post("/v1/collections", content=iter([body]), headers=headers)
    assert problem(chunked) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/v1/jobs?limit=100000000000000000000", "/v1/jobs?status=odd"])
def test_hostile_queries_are_refused(client: TestClient, path: str) -> None:
    assert problem(client.get(path)) == (422, "invalid_request")


@pytest.mark.parametrize("given", ["%00", "a%20b", "x" * 65, "%F0%9F%A6%96", "' OR 1=1--"])
def test_hostile_ids_are_refused(client: TestClient, given: str) -> None:
    assert problem(client.get(f"/v1/documents/{given}")) == (422, "invalid_request")


def raising(error: Exception) -> FastAPI:
    app = create_app()

    def fail() -> None:
        raise error

    app.add_api_route("/fail", fail)
    return app


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("secret"), (500, "internal_error")),
        (EmbedderMissing(path="secret"), (500, "embedder_missing")),
        (OperationalError("secret", {}, Exception("secret")), (503, "database_unavailable")),
    ],
)
def test_unexpected_errors_leak_nothing(error: Exception, expected: tuple[int, str]) -> None:
    with TestClient(raising(error), "http://localhost", raise_server_exceptions=False) as client:
        answer = client.get("/fail")
    assert problem(answer) == expected
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_every_error_class_has_a_status() -> None:
    def every(kind: type[LecternError]) -> list[type[LecternError]]:
        return [kind, *(other for child in kind.__subclasses__() for other in every(child))]

    assert {status_of(kind) for kind in every(LecternError)} <= {
        400, 403, 404, 409, 413, 415, 421, 422, 500, 502, 503, 504, 507,
    }  # fmt: skip
    assert status_of_code("empty_document") == 422
    assert status_of_code("never heard of") == 500


def test_the_page_and_its_parts_are_served(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(application, "WEB", tmp_path)
    assert problem(client.get("/")) == (404, "not_found")
    (tmp_path / "index.html").write_text("<!doctype html><title>Lectern</title>")
    (tmp_path / "app.js").write_text("'use strict'")
    assert "Lectern" in client.get("/").text
    with TestClient(create_app(), "http://localhost") as other:
        assert other.get("/static/app.js").headers["content-type"].startswith("text/javascript")


def test_the_reference_names_every_operation_and_loads_nothing(client: TestClient) -> None:
    page = client.get("/docs").text
    described = client.get("/openapi.json").json()
    for path in described["paths"]:
        assert path in page
    for outside in ("<script", "http://", "https://"):
        assert outside not in page
    assert client.get("/docs/page.css").headers["content-type"].startswith("text/css")


def test_the_description_has_no_loose_ends(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    referred = {word for word in json.dumps(described).split('"') if word.startswith("#/comp")}
    assert {name.rpartition("/")[2] for name in referred} <= set(described["components"]["schemas"])
    for methods in described["paths"].values():
        for operation in methods.values():
            assert "default" in operation["responses"]
            assert operation["description"]
