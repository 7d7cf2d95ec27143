"""Whatever fits the OpenAPI description, and much that does not, gets an answer that is no 500."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

import service.settings
from service.app import create_app

schema = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(), headers={"Host": "localhost"}
).exclude(path="/readyz")  # which is 503 without Redis, as it should be
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


@pytest.fixture
def reachable(migrated: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database behind the host name that the tool uses."""
    monkeypatch.setenv("LECTERN_ALLOWED_HOSTS", "testserver")
    service.settings.settings.cache_clear()


@schema.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@pytest.mark.usefixtures("reachable")
def test_any_request_is_answered(case: Any) -> None:
    case.call_and_validate(checks=CHECKS)
