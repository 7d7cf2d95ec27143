"""`webhooks`, `schedules` and `summarize --night` against a service that answers as it should."""

import json
from typing import Any

import pytest
from test_service_cli_commands import LIBRARY, REPORT, FakeService, job, problem, service

from service.cli.__main__ import main

assert service  # a fixture

Record = dict[str, Any]
WEBHOOK = {
    "id": "hook_1",
    "url": "https://hooks.example/x",
    "events": ["failed"],
    "kinds": [],
    "active": True,
    "created_at": 1.0,
}
DELIVERY = {
    "id": "msg_1",
    "status": "delivered",
    "response_code": 204,
    "response": "",
    "error": None,
}
SCHEDULE = {
    "id": "sched_1",
    "name": "inbox into Library",
    "cron": "*/5 * * * *",
    "running": False,
    "next_run_at": 1.8e9,
    "last_run_at": 1.7e9,
    "last_outcome": {
        "jobs": 2,
        "added": 2,
        "failed": 1,
        "failures": [{"file": "a.bin", "code": "unsupported_type", "message": "No.\x1b[31m"}],
    },
    "last_error": None,
}


def sent(service: FakeService, route: str) -> list[Any]:
    return [seen["json"] for asked, seen in service.asked if asked == route]


def test_webhooks_are_listed_made_tested_and_removed(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/webhooks": {"webhooks": [WEBHOOK, {**WEBHOOK, "active": False}]},
        "POST /v1/webhooks": (201, {**WEBHOOK, "secret": "whsec_x"}),
        "POST /v1/webhooks/hook_1/test": DELIVERY,
        "DELETE /v1/webhooks/hook_1": (204, {}),
    }
    at = ["--url", service.url]
    for words in (
        ["webhooks", *at],
        ["webhooks", "list", *at],
        ["webhooks", "add", "https://hooks.example/x", "--on", "failed", "--kind", "read", *at],
        ["webhooks", *at, "test", "hook_1"],
        ["webhooks", "remove", "hook_1", *at],
    ):
        assert main(words) == 0
    told = capsys.readouterr().out
    assert told.count("https://hooks.example/x") == 5
    assert "secret: whsec_x" in told
    assert "held" in told
    assert "delivered: HTTP 204" in told
    assert sent(service, "POST /v1/webhooks") == [
        {"url": "https://hooks.example/x", "events": ["failed"], "kinds": ["read"]}
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"status": "pending"}, "No worker has sent it yet."),
        ({"status": "failed", "error": "refused", "response_code": None}, "failed: refused"),
    ],
)
def test_a_test_that_did_not_arrive_is_exit_status_1(
    service: FakeService, capsys: pytest.CaptureFixture[str], more: Record, says: str
) -> None:
    service.routes = {"POST /v1/webhooks/hook_1/test": {**DELIVERY, **more}}
    assert main(["webhooks", "test", "hook_1", "--url", service.url]) == 1
    assert says in capsys.readouterr().out
    assert main(["webhooks", "test", "hook_1", "--url", service.url, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["delivery"]["id"] == "msg_1"


def test_schedules_are_listed_run_and_removed(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {**SCHEDULE, "last_error": {"code": "folder_missing", "message": "Gone."}}
    resting = {**SCHEDULE, "next_run_at": None, "running": True}
    service.routes = {
        "GET /v1/schedules": {"schedules": [SCHEDULE, failed, resting]},
        "POST /v1/schedules/sched_1/run": (202, SCHEDULE),
        "DELETE /v1/schedules/sched_1": (204, {}),
    }
    for words in ([], ["run", "sched_1"], ["remove", "sched_1"]):
        assert main(["schedules", *words, "--url", service.url]) == 0
    told = capsys.readouterr().out
    assert "2 added · 1 failed · 2 jobs · a.bin: No." in told
    assert "\x1b" not in told
    assert "Gone. (folder_missing)" in told
    assert "rests" in told
    assert "runs" in told
    assert "sched_1 is done no more" in told


def test_schedules_are_made_of_names_and_folders(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "GET /v1/collections/col_1/documents": {"documents": [REPORT]},
        "POST /v1/schedules": (201, SCHEDULE),
    }
    add = ["--from", "/home/me", "schedules", "add"]
    at = ["--url", service.url, "--json"]
    for words in (
        ["0 22 * * *", "--summaries", "--night", "--timezone", "Asia/Taipei"],
        ["0 6 * * 1", "--summary", "report.pdf", "--name", "Weekly"],
        ["*/5 * * * *", "--watch", "inbox"],
    ):
        assert main([*add, *words, *at]) == 0
    assert sent(service, "POST /v1/schedules") == [
        {
            "name": "summaries of Library",
            "cron": "0 22 * * *",
            "timezone": "Asia/Taipei",
            "what": {"kind": "summaries", "collection_id": "col_1", "when": "night"},
        },
        {
            "name": "Weekly",
            "cron": "0 6 * * 1",
            "timezone": "",
            "what": {"kind": "summary", "document_id": "doc_1"},
        },
        {
            "name": "inbox into Library",
            "cron": "*/5 * * * *",
            "timezone": "",
            "what": {"kind": "watch", "collection_id": "col_1", "folder": "/home/me/inbox"},
        },
    ]
    told = capsys.readouterr().out
    assert json.loads(told[: told.index("}\n{") + 1])["schedule"]["id"] == "sched_1"


@pytest.mark.parametrize(
    "words",
    [
        ["webhooks", "add"],
        ["webhooks", "dance"],
        ["webhooks", "add", "http://a.example", "--on", "noon"],
        ["schedules", "add", "* * * * *"],
        ["schedules", "add", "* * * * *", "--summaries", "--watch", "x"],
        ["schedules", "run"],
    ],
)
def test_other_words_are_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_a_refusal_is_one_line(service: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/schedules": (422, problem("bad_schedule", "The schedule can't be kept: no.")),
    }
    words = ["schedules", "add", "never", "--summaries", "--url", service.url]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert told == "error: The schedule can't be kept: no. (bad_schedule)\n"


def test_a_summary_of_the_night_is_not_waited_for(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "POST /v1/jobs": (202, job("queued")),
    }
    words = ["summarize", "doc_1", "--night", "--url", service.url]
    assert main(words) == 0
    assert "at night; look at it with: lectern jobs job_1" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job_id"] == "job_1"
    wanted = {"kind": "summary", "document_id": "doc_1", "when": "night"}
    assert sent(service, "POST /v1/jobs") == [wanted, wanted]
