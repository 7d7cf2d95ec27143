"""The commands against a small real HTTP server that answers as the contract says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from service.cli import client as client_module
from service.cli.__main__ import main
from service.cli.screen import plain
from service.cli.stream import parse_events

Record = dict[str, Any]
Answer = Record | bytes | tuple[int, Record]


@dataclass
class FakeService:
    """Routes to answers; bytes are sent as an event stream. Remembers what was asked."""

    routes: dict[str, Answer | Callable[[Record], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Record]] = field(default_factory=list)
    url: str = ""

    def answer(self, route: str, seen: Record) -> Answer:
        self.asked.append((route, seen))
        found = self.routes.get(route, (404, problem("not_found", "There is no such thing.")))
        return found(seen) if callable(found) else found


def problem(code: str, detail: str) -> Record:
    return {"type": "about:blank", "title": code, "status": 400, "detail": detail, "code": code}


@pytest.fixture
def service() -> Iterator[FakeService]:
    fake = FakeService()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_DELETE(self) -> None:
            self._serve("DELETE")

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = {
                "body": body,
                "json": json.loads(body) if body[:1] == b"{" else None,
                "last": self.headers.get("Last-Event-ID"),
                "write": self.wfile,
            }
            answer = fake.answer(f"{method} {self.path.partition('?')[0]}", seen)
            status, payload = answer if isinstance(answer, tuple) else (200, answer)
            stream = isinstance(payload, bytes)
            data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.send_response(status)
            kind = "text/event-stream" if stream else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)
            while stream and b": hang" in data:
                self.wfile.write(b": keep-alive\n\n")
                self.wfile.flush()
                time.sleep(0.05)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the client has gone, as it should

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()


def event(name: str, data: Record, number: int = 1) -> bytes:
    return (
        f"id: {number}-0\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
    )


LIBRARY = {"id": "col_1", "name": "Library", "documents": 1, "created_at": 1.0}
REPORT = {
    "id": "doc_1",
    "name": "report.pdf",
    "collection_id": "col_1",
    "version": {"page_count": 3, "character_count": 900},
}
SUMMARY = {
    "summary": "水質良好\u2028且\x1b[31m穩定。",
    "language": "zh-TW",
    "sentences": [{"support": "verified"}, {"support": "unsupported"}],
    "saved": {"steps": 1, "tokens": 90, "model_ms": 4000},
    "sections": [],
    "coverage": {
        "pages_total": 3,
        "pages_read": [[1, 2]],
        "pages_empty": [3],
        "characters_total": 900,
        "characters_read": 900,
    },
    "timings": {"total_ms": 1200},
}
ANSWER = {
    "answer": "The limit is 50 mg [1].",
    "refused": False,
    "citations": [
        {
            "id": 1,
            "document_name": "遠距工作辦法.docx",
            "page": 2,
            "quote": "五十 毫克",
            "verified": True,
        },
        {"id": 2, "document_name": "b.pdf", "page": 9, "quote": "nothing", "verified": False},
    ],
    "conversation_id": "con_1",
    "searched": {"documents": 2, "passages": 40, "best_score": 0.9},
    "timings": {"first_token_ms": 300, "total_ms": 2000},
}


PROMISE = {"p50": 240.0, "p90": 7_500.0, "kept": 3, "remaining": 31.4, "real": None}
ESTIMATE = {
    "steps": 12,
    "kept": 3,
    "prompt_tokens": 14_000,
    "written_tokens": 1_920,
    "work": 200.0,
    "wait": 40.0,
    "p50": 240.0,
    "p90": 330.0,
}


def job(status: str, **more: Any) -> Record:
    return {
        "id": "job_1",
        "kind": "read",
        "status": status,
        "lane": "batch",
        "priority": 0,
        "collection_id": "col_1",
        "document_id": "doc_1",
        "params": {},
        "progress": {"percent": 100, "done": 1, "total": 1, "stage": "done"},
        "result": None,
        "error": None,
        "waiting": None,
        "estimate": None,
        "created_at": 1.0,
        "started_at": None,
        "finished_at": None,
        **more,
    }


def test_add_reads_a_folder_and_goes_on_after_a_bad_file(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "sub/b.md", "sub/bad.pdf", ".hidden.txt", "program.exe"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("words")

    def take(seen: Record) -> Answer:
        if b"bad.pdf" in seen["body"]:
            return 415, problem("unsupported_type", "Files of this kind can't be read.")
        return 202, {"documents": [{**REPORT, "duplicate": False}], "jobs": [job("queued")]}

    service.routes = {
        "GET /v1/collections": {"collections": []},
        "POST /v1/collections": (201, LIBRARY),
        "POST /v1/collections/col_1/documents": take,
        "GET /v1/jobs/job_1": job("succeeded", result={"timings": {"total_ms": 1500}}),
        "GET /v1/documents/doc_1": REPORT,
    }
    status = main(["--from", str(tmp_path), "add", "in", "--url", service.url])
    told = capsys.readouterr()
    assert status == 1
    assert "✓ report.pdf  doc_1 · 3 pages · 900 characters · 1.5 s" in told.out
    assert "✗ bad.pdf: Files of this kind can't be read. (unsupported_type)" in told.err
    assert "2 of 3 files in “Library”" in told.err
    sent = [seen["body"] for route, seen in service.asked if route.endswith("/documents")]
    assert len(sent) == 3
    assert not any(b".hidden" in body or b".exe" in body for body in sent)


def test_add_tells_what_an_archive_brought(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK")
    refused = {"code": "unsupported_type", "message": "Files of this kind can't be read."}
    inside = [{"path": "a.txt", "document_id": "doc_2", "duplicate": False}]
    result = {"members": [*inside, {"path": "b/c.exe", "error": refused}]}
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/collections/col_1/documents": (
            202,
            {"documents": [{**REPORT, "duplicate": False}], "jobs": [job("queued")]},
        ),
        "GET /v1/jobs/job_1": job("succeeded", result=result),
        "GET /v1/documents/doc_1": REPORT,
    }
    assert main(["add", str(tmp_path / "all.zip"), "--url", service.url]) == 0
    told = capsys.readouterr().err
    assert "documents from inside: 1" in told
    assert "✗ b/c.exe: Files of this kind can't be read. (unsupported_type)" in told


def test_add_as_json_without_waiting(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("words")
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/collections/col_1/documents": (
            202,
            {"documents": [{**REPORT, "duplicate": True}], "jobs": [job("queued")]},
        ),
    }
    words = ["add", str(tmp_path / "a.txt"), "--url", service.url, "--json", "--no-wait"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["collection"]["id"] == "col_1"
    assert told["files"][0]["job"]["id"] == "job_1"
    assert told["files"][0]["error"] is None


def test_add_names_what_is_not_there(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", "/x", "add", "no.pdf", "--url", service.url]) == 1
    said = capsys.readouterr().err
    assert said == "error: There is no file or folder /x/no.pdf. (file_not_found)\n"


def test_summarize_survives_a_broken_stream(
    service: FakeService,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "RESUME_PAUSE_S", 0.01)
    section = {
        "level": 0,
        "ordinal": 0,
        "title": "水",
        "pages": [1, 2],
        "text": "…",
        "reused": True,
    }

    def stream(seen: Record) -> Answer:
        if seen["last"] is None:
            progress = {"percent": 50, "done": 1, "total": 2, "stage": "map"}
            return (
                b": keep-alive\n\n" + event("progress", progress, 1) + event("partial", section, 2)
            )
        assert seen["last"] == "2-0"
        return event("done", {"status": "succeeded", "result": SUMMARY}, 3)

    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "GET /v1/collections/col_1/documents": {"documents": [REPORT]},
        "POST /v1/jobs": (202, job("queued")),
        "GET /v1/jobs/job_1/events": stream,
    }
    assert main(["summarize", "Report.PDF", "--url", service.url]) == 0
    told = capsys.readouterr()
    assert "水質良好" in told.out
    assert "\x1b" not in told.out
    assert "read pp. 1–2 of 3 · 100% of the text · without text: 3 · 0." in told.out
    assert told.err.count("✓ pp. 1–2  水  (kept from before)") == 1


def test_a_failed_job_is_exit_status_1(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"status": "failed", "code": "step_poisoned", "message": "It was given up."}
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "POST /v1/jobs": (202, job("queued")),
        "GET /v1/jobs/job_1/events": event("error", failed),
    }
    assert main(["summarize", "doc_1", "--url", service.url, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "step_poisoned"
    assert told.err == "error: It was given up. (step_poisoned)\n"


def test_ask_streams_and_prints_citations(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/collections/col_1/ask": event("job", {"id": "job_1", "conversation_id": "con_1"})
        + event("token", {"text": "lost words", "attempt": 1})
        + event("token", {"text": "The limit is ", "attempt": 2})
        + event("token", {"text": "50 mg [1].", "attempt": 2})
        + event("done", {"status": "succeeded", "result": ANSWER}),
    }
    assert main(["ask", "What is the limit?", "--url", service.url]) == 0
    told = capsys.readouterr()
    assert told.out.count("The limit is 50 mg [1].") == 1
    assert "✓ [1] 遠距工作辦法.docx, p. 2  verified" in told.out
    assert "“五十 毫克”" in told.out
    assert "✗ [2] b.pdf, p. 9  not verified" in told.out
    assert "first token after 0.3 s · answer after 2.0 s" in told.err
    assert "the answer begins again" in told.err
    asked = next(seen["json"] for route, seen in service.asked if route.endswith("/ask"))
    assert asked == {"question": "What is the limit?", "stream": True}


def test_ask_one_document_by_its_name(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "GET /v1/collections/col_1": LIBRARY,
        "GET /v1/collections/col_1/documents": {"documents": [REPORT]},
        "POST /v1/collections/col_1/ask": event("done", {"status": "succeeded", "result": ANSWER}),
    }
    words = ["ask", "--document", "report.PDF", "What is the limit?", "--url", service.url]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["collection"]["id"] == "col_1"
    asked = next(seen["json"] for route, seen in service.asked if route.endswith("/ask"))
    assert asked == {"question": "What is the limit?", "document_id": "doc_1", "stream": True}


def test_ask_shows_the_checked_text_where_it_differs(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {**ANSWER, "answer": "Not in the documents.", "refused": True, "citations": []}
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/collections/col_1/ask": event("token", {"text": "Perhaps 7.", "attempt": 1})
        + event("done", {"status": "succeeded", "result": refusal}),
    }
    assert main(["ask", "Why?", "--url", service.url, "--collection", "library"]) == 0
    assert "Checked answer:\nNot in the documents." in capsys.readouterr().out


def test_ask_wants_one_collection(service: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    others = [{**LIBRARY, "id": f"col_{n}", "name": name} for n, name in enumerate("AB")]
    service.routes = {"GET /v1/collections": {"collections": others}}
    assert main(["ask", "Why?", "--url", service.url]) == 1
    assert "“--collection” may mean A, B; name one of them" in capsys.readouterr().err


def test_ctrl_c_cancels_a_question(service: FakeService) -> None:
    service.routes = {
        "GET /v1/collections": {"collections": [LIBRARY]},
        "POST /v1/collections/col_1/ask": event("job", {"id": "job_1"})
        + event("token", {"text": "Well, ", "attempt": 1})
        + b": hang\n\n",
        "POST /v1/jobs/job_1/cancel": (202, job("cancelling")),
    }
    asking = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "ask", "Why?", "--url", service.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # As from a terminal: a background job, such as CI's, hands its children an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert asking.stdout is not None
    assert asking.stdout.read(6) == "Well, "
    asking.send_signal(signal.SIGINT)
    _, told = asking.communicate(timeout=20)
    assert asking.returncode == 130
    assert "cancelled" in told
    assert "POST /v1/jobs/job_1/cancel" in [route for route, _ in service.asked]


def test_jobs_lists_shows_cancels_and_moves(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {"reason": "position", "position": 2, "message": "second in line"}
    step = {"id": "s", "kind": "parse", "ordinal": 0, "status": "succeeded", "claims": 1}
    service.routes = {
        "GET /v1/jobs": {"jobs": [job("queued", waiting=waiting)]},
        "GET /v1/jobs/job_1": job("running", estimate=PROMISE),
        "GET /v1/jobs/job_1/steps": {"steps": [{**step, "lost": 0, "retries": 0, "error": None}]},
        "POST /v1/jobs/job_1/cancel": (202, job("cancelling")),
        "POST /v1/jobs/job_1/priority": job("queued", priority=9),
    }
    for words in ([], ["job_1"], ["cancel", "job_1"], ["front", "job_1"]):
        assert main(["jobs", *words, "--url", service.url]) == 0
    told = capsys.readouterr().out
    assert "second in line" in told
    assert "parse 0" in told
    assert "cancelling" in told
    assert "priority 9" in told
    assert "4 min, at most 2 h 5 min; 3 steps known from before" in told
    assert service.asked[-1][1]["json"] == {"front": True}


def test_a_summary_can_be_estimated_and_estimates_be_judged(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracy = {"jobs": 30, "within_p90": 0.9, "near_p50": 0.7, "median_ratio": 1.04}
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "POST /v1/jobs": ESTIMATE,
        "GET /v1/jobs/accuracy": accuracy,
    }
    assert main(["summarize", "doc_1", "--dry-run", "--url", service.url]) == 0
    assert service.asked[-1][1]["json"]["dry_run"] is True
    told = capsys.readouterr().out
    assert "takes about 4 min" in told
    assert "12 steps, 3 of them known from before; 14,000 tokens to read" in told
    assert main(["jobs", "--accuracy", "--url", service.url]) == 0
    assert "90%" in capsys.readouterr().out
    assert main(["jobs", "--accuracy", "--json", "--url", service.url]) == 0
    assert json.loads(capsys.readouterr().out) == accuracy


EXTRACTED = {
    "document_id": "doc_1",
    "name": "report.pdf",
    "values": {"coupon": 4.15, "towns": ["Coldmere"], "year": None},
    "fields": {
        "coupon": {
            "value": 4.15,
            "page": 20,
            "quote": "a coupon\nof 4.15",
            "verified": True,
            "confidence": 0.91,
        },
        "towns": {
            "value": ["Coldmere"],
            "page": 3,
            "quote": "Coldmere",
            "verified": False,
            "confidence": 0.3,
        },
        "year": {"value": None, "page": None, "quote": None, "verified": False, "confidence": 0.0},
    },
    "missing": ["year"],
    "valid": False,
    "errors": [{"at": "$", "message": "'year' is a required property"}],
    "coverage": SUMMARY["coverage"],
}


def test_extract_prints_fields_and_writes_a_table(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wanted.json").write_text('{"type": "object"}')
    section = {
        "level": 0,
        "title": "Money",
        "pages": [1, 2],
        "values": {"coupon": 4.15, "year": None},
        "reused": True,
    }
    service.routes = {
        "GET /v1/documents/doc_1": REPORT,
        "POST /v1/jobs": (202, job("queued", kind="extract")),
        "GET /v1/jobs/job_1/events": event("partial", section)
        + event("partial", {"level": 1, **EXTRACTED}, 2)
        + event("done", {"status": "succeeded", "result": {"documents": [EXTRACTED]}}, 3),
        "GET /v1/jobs/job_1/table": b"document,coupon",
    }
    base = ["--from", str(tmp_path), "extract", "doc_1", "doc_1", "--url", service.url]
    assert main([*base, "--schema", "wanted.json", "--csv", "out.csv"]) == 0
    told = capsys.readouterr()
    assert "✓ pp. 1–2  Money  coupon  (kept from before)" in told.err
    for words in ("4.15", "✓ 0.91", "✗ 0.30", "a coupon of 4.15", "'year' is a required property"):
        assert words in told.out
    assert (tmp_path / "out.csv").read_bytes() == b"document,coupon"
    (sent,) = [seen["json"] for route, seen in service.asked if route == "POST /v1/jobs"]
    assert sent["document_ids"] == ["doc_1", "doc_1"]
    assert sent["schema"] == {"type": "object"}
    assert main([*base, "--schema", "wanted.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["documents"] == [EXTRACTED]


def test_extract_can_be_estimated_and_wants_a_schema(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.routes = {"GET /v1/documents/doc_1": REPORT, "POST /v1/jobs": ESTIMATE}
    base = ["--from", str(tmp_path), "extract", "doc_1", "--url", service.url, "--schema", "x.json"]
    assert main(base) == 1
    assert "x.json can't be used" in capsys.readouterr().err
    (tmp_path / "x.json").write_text("{]")
    assert main(base) == 1
    (tmp_path / "x.json").write_text("{}")
    assert main([*base, "--dry-run"]) == 0
    assert "An extraction from report.pdf takes about 4 min" in capsys.readouterr().out


def test_kb_lists_indexes_and_makes_them_anew(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    index = {"embedder": "mini", "fingerprint": "ab", "dimensions": 384, "reindex": None}
    kept = [
        {"id": "col_1", "name": "Old", "documents": 2, "index": {**index, "current": False}},
        {"id": "col_2", "name": "New", "documents": 1, "index": {**index, "current": True}},
        {"id": "col_3", "name": "Empty", "documents": 0, "index": None},
    ]
    result = {
        "generation_id": "gen_1",
        "before": {"name": "mini", "dimensions": 384},
        "after": {"name": "multi", "dimensions": 768},
        "same": False,
        "chunks": 1_200,
        "known": 0,
    }
    estimate = {"chunks": 1_200, "known": 200, "p50": 300.0, "p90": 400.0}

    def reindex(seen: Record) -> Answer:
        if seen["json"].get("dry_run"):
            return estimate
        return 202, {"job": {"id": "job_1"}}

    service.routes |= {
        "GET /v1/collections": {"collections": kept},
        "POST /v1/collections/col_1/reindex": reindex,
        "POST /v1/collections/col_2/reindex": reindex,
        "GET /v1/jobs/job_1/events": event("done", {"status": "succeeded", "result": result}),
    }
    assert main(["kb", "--url", service.url]) == 0
    listed = capsys.readouterr().out
    assert "of another embedder: lectern kb reindex" in listed
    assert "nothing embedded yet" in listed
    assert main(["kb", "reindex", "--url", service.url]) == 0
    assert capsys.readouterr().out == (
        "Old: 1,200 passages, by multi (768 dimensions) in the place of mini\n"
    )
    assert main(["kb", "reindex", "new", "--dry-run", "--url", service.url]) == 0
    assert "New: 1,200 passages, 200 of them embedded already; about 5 min" in (
        capsys.readouterr().out
    )
    assert main(["kb", "reindex", "New", "--night", "--json", "--url", service.url]) == 0
    (told,) = json.loads(capsys.readouterr().out)["reindexed"]
    assert told["job_id"] == "job_1"
    asked = [seen["json"] for route, seen in service.asked if route.endswith("/reindex")]
    assert asked == [{}, {"dry_run": True}, {"when": "night"}]


@pytest.mark.parametrize("words", [["cancel"], ["a", "b", "c"], ["stop", "job_1"]])
def test_jobs_refuses_other_words(words: list[str], service: FakeService) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["jobs", *words, "--url", service.url])
    assert caught.value.code == 2


def test_no_service_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == (
        "error: No service answers at http://127.0.0.1:9; start it with ./lectern up,"
        " or name it with --url. (service_unreachable)\n"
    )


def test_events_keep_line_separators_inside_strings() -> None:
    body = event("token", {"text": "a\u2028b\x85c"}) + b": comment\r\n\r\n" + event("done", {})
    pieces = [body[n : n + 3] for n in range(0, len(body), 3)]
    assert [(one.name, one.data) for one in parse_events(pieces)] == [
        ("token", {"text": "a\u2028b\x85c"}),
        ("done", {}),
    ]


def test_documents_can_not_drive_the_terminal() -> None:
    assert plain("a\x1b]0;title\x07b\u202ec\r\n\t中文") == "a]0;titlebc\n\t中文"
