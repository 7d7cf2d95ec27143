"""Comparing and adding versions from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_service_cli_commands import (
    ESTIMATE,
    LIBRARY,
    REPORT,
    FakeService,
    event,
    job,
    main,
)
from test_service_cli_commands import service as service  # noqa: PLC0414 - the fixture

Record = dict[str, Any]
OTHER = {**REPORT, "id": "doc_2", "name": "合約.pdf"}


def citation(number: int, page: int) -> Record:
    return {"id": number, "page": page, "document_name": "x", "quote": "q", "verified": True}


COMPARISON = {
    "documents": [
        {"document_id": "doc_1", "version_id": "ver_1", "name": "report.pdf", "version": 1},
        {"document_id": "doc_2", "version_id": "ver_2", "name": "合約.pdf", "version": 1},
    ],
    "overview": "41 statements agree, 3 differ.\x1b[2J",
    "counts": {"agrees": 41, "differs": 3, "only": [1, 0]},
    "differs": [
        {
            "subject": "Payment",
            "sides": [
                {
                    "version_id": "ver_1",
                    "text": "Due within 30 days.",
                    "citations": [1],
                    "changed": [],
                },
                {
                    "version_id": "ver_2",
                    "text": "Due within 45 days.",
                    "citations": [2],
                    "changed": [["30", "45"]],
                },
            ],
            "changed": [["30", "45"]],
        }
    ],
    "only": [
        {"version_id": "ver_1", "statements": [{"text": "Courts of Taipei.", "citations": [3]}]},
        {"version_id": "ver_2", "statements": []},
    ],
    "agrees": [{"text": "It is insured.", "citations": [4, 5]}],
    "citations": [citation(1, 2), citation(2, 3), citation(3, 9), citation(4, 1), citation(5, 7)],
}
PAIR = {"pair": [0, 1], "counts": {"same": 41, "similar": 3, "alone": [1, 0]}, "reused": True}


def test_compare_prints_what_differs_with_its_pages(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "GET /v1/documents/doc_2": OTHER,
        "POST /v1/jobs": (202, job("queued")),
        "GET /v1/jobs/job_1/events": event("partial", PAIR, 1)
        + event("done", {"status": "succeeded", "result": COMPARISON}, 2),
    }
    words = ["compare", "doc_1", "doc_2", "--focus", "payment", "--language", "zh-TW"]
    assert main([*words, "--url", service.url]) == 0
    told = capsys.readouterr()
    assert "Differs (1 of 3, the weightiest)" in told.out
    assert "1 Due within 30 days.  (p. 2)" in told.out
    assert "2 Due within 45 days.  (p. 3)" in told.out
    assert "Only in report.pdf (1)" in told.out
    assert "Only in 合約.pdf" not in told.out
    assert "It is insured.  (p. 1, 7)" in told.out
    assert "\x1b" not in told.out
    assert "1 and 2: 41 the same, 3 alike, 1 and 0 alone  (kept from before)" in told.err
    asked = next(seen["json"] for route, seen in service.asked if route == "POST /v1/jobs")
    assert asked == {
        "kind": "compare",
        "document_ids": ["doc_1", "doc_2"],
        "focus": "payment",
        "language": "zh-TW",
    }


def test_one_document_is_compared_with_its_version_before(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = [
        {"id": "ver_3", "page_count": None},
        {"id": "ver_2", "page_count": 4},
        {"id": "ver_1", "page_count": 3},
    ]
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "GET /v1/documents/doc_1/versions": {"versions": listed},
        "POST /v1/jobs": ESTIMATE,
    }
    assert main(["compare", "doc_1", "--dry-run", "--url", service.url]) == 0
    assert "A comparison takes about 4 min" in capsys.readouterr().out
    asked = service.asked[-1][1]["json"]
    assert asked["versions"] == [["doc_1", "ver_1"], ["doc_1", "ver_2"]]
    service.routes["GET /v1/documents/doc_1/versions"] = {"versions": listed[2:]}
    assert main(["compare", "doc_1", "--url", service.url]) == 1
    assert "“report.pdf” has one version only" in capsys.readouterr().err


def test_add_to_a_document_makes_a_version(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("words")
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "GET /v1/collections/col_1": LIBRARY,
        "POST /v1/documents/doc_1/versions": (
            202,
            {"document": {**REPORT, "duplicate": False}, "version": {}, "job": job("queued")},
        ),
        "GET /v1/jobs/job_1": job("succeeded", result={"timings": {"total_ms": 1500}}),
    }
    words = ["--from", str(tmp_path), "add", "--to", "doc_1", "--url", service.url]
    assert main([*words, "a.txt", "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["document"]["id"], file["error"]) == ("doc_1", None)
    assert main([*words, "a.txt", "b.txt"]) == 1
    assert "A version is one file; 2 were named. (one_file_only)" in capsys.readouterr().err
