"""The whole of Lectern on real parts, asked over HTTP as a user would."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import docx
import pytest
from fakes import pdf
from fleet import Fleet, Made, heard, until
from mcp import Client
from openai import OpenAI
from reportlab.lib.pdfencrypt import StandardEncryption

from ingest.vectors import VectorIndex

pytestmark = pytest.mark.slow

TOPICS = ("harbour", "tariff", "reservoir", "turbine", "orchard", "archive", "viaduct", "clinic")


@pytest.fixture(scope="module")
def lectern(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with one worker for the tests of this module."""
    worker = fleet.start_worker()
    yield fleet
    if worker.poll() is None:
        fleet.kill(worker)


@pytest.fixture(autouse=True)
def _stays_well(lectern: Fleet) -> Iterator[None]:
    yield
    assert lectern.healthy()


def report(sections: int, marker: str) -> str:
    """A report of about so many sections' length, no two paragraphs of it the same."""
    paragraphs = []
    for number in range(sections * 11):
        topic, other = TOPICS[number % 8], TOPICS[(number * 3 + 1) % 8]
        paragraphs.append(
            f"In week {number} the {marker} office inspected the {topic} and the {other}. "
            f"It counted {number * 7 + 3} faults, repaired {number * 5 + 1} of them and spent "
            f"{number * 113 + 40} dollars. The {topic} committee met on day {number % 28 + 1} and "
            f"asked for {number % 9 + 2} further visits before the end of the season."
        )
    return "\n\n".join(paragraphs)


def word_file(*paragraphs: str) -> bytes:
    body, made = io.BytesIO(), docx.Document()
    made.add_heading("Leave policy", 1)
    for text in paragraphs:
        made.add_paragraph(text)
    made.save(body)
    return body.getvalue()


def bomb() -> bytes:
    """A DOCX of some hundred kilobytes that unpacks to hundreds of megabytes."""
    body = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word_file("Hello."))) as plain:
        parts = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in parts.items():
            packed.writestr(name, data)
        packed.writestr("word/media/filler.xml", b"\0" * (400 << 20))
    return body.getvalue()


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_files_of_every_kind_are_read_and_known_again(lectern: Fleet) -> None:
    collection = lectern.new_collection("Kinds")
    chinese = "員工請假應於三日前提出申請，經主管核准後始得離開工作崗位。\n" * 20
    files = {
        "report_pdf": pdf("Page one says\nthe dam is 40 m high.", "Page two says less."),
        "policy_docx": word_file("Staff may work from home on Tuesdays.", "Ask the head first."),
        "notes_md": b"# Minutes\n\nThe meeting was on Monday.\n",
        "old_txt": chinese.encode("cp950"),
    }
    made = lectern.read(collection, **files)
    assert {one["status"] for one in made} == {"ready"}
    assert [one["version"]["page_count"] for one in made] == [2, 1, 1, 1]
    page = lectern.get(f"/v1/documents/{made[3]['id']}/pages/1")
    assert page["text"].startswith("員工請假應於三日前提出申請")
    assert lectern.get(f"/v1/documents/{made[0]['id']}/pages/2")["text"].startswith("Page two")

    again = lectern.upload(collection, other_pdf=files["report_pdf"]).json()
    assert (again["documents"][0]["id"], again["documents"][0]["duplicate"]) == (
        made[0]["id"],
        True,
    )
    assert again["jobs"][0]["status"] == "succeeded"
    assert len(lectern.get(f"/v1/collections/{collection}/documents")["documents"]) == 4
    hits = lectern.client.post(
        f"/v1/collections/{collection}/search", json={"query": "How high is the dam?"}
    ).json()["hits"]
    assert (hits[0]["document_id"], hits[0]["page"]) == (made[0]["id"], 1)


def test_a_summary_covers_the_whole_document_and_is_paid_for_once(lectern: Fleet) -> None:
    collection = lectern.new_collection("Summaries")
    lines = [line for line in report(3, "northern").replace(". ", ".\n").split("\n") if line]
    sheets = ["\n".join(lines[begin : begin + 50]) for begin in range(0, len(lines), 50)]
    (document,) = lectern.read(collection, report_pdf=pdf(sheets[0], "", *sheets[1:]))
    job = lectern.ask_for(kind="summary", document_id=document["id"])
    story = list(lectern.events(job["id"]))
    assert story[-1]["event"] == "done", story[-1]
    result = lectern.job(job["id"])["result"]
    assert story[-1]["data"]["result"] == result
    assert result["summary"]
    coverage, pages = result["coverage"], document["version"]["page_count"]
    assert coverage["pages_total"] == pages == len(sheets) + 1
    assert coverage["pages_read"] == [[1, 1], [3, pages]]
    assert coverage["pages_empty"] == [2]
    assert coverage["characters_read"] == coverage["characters_total"]
    sections = [one for one in result["sections"] if one["level"] == 0]
    assert len(sections) >= 2
    assert (sections[0]["pages"][0], sections[-1]["pages"][1]) == (1, pages)
    told = [one["data"] for one in story if one["event"] == "partial"]
    assert sorted((one["level"], one["ordinal"]) for one in told) == sorted(
        (one["level"], one["ordinal"]) for one in result["sections"]
    )
    percents = [one["data"]["percent"] for one in story if one["event"] == "progress"]
    assert percents == sorted(percents)

    again = lectern.ended(lectern.ask_for(kind="summary", document_id=document["id"])["id"])
    assert again["result"]["summary"] == result["summary"]
    assert again["result"]["steps_reused"] == len(result["sections"])
    assert set(again["result"]["usage"].values()) == {0}


def test_an_answer_is_streamed_resumed_and_proven(lectern: Fleet) -> None:
    collection = lectern.new_collection("Answers")
    fact = "The chief engineer of the Hollin dam is Marta Ekwall, appointed in 2019."
    lectern.read(collection, dam_md=f"# Hollin dam\n\n{fact}\n\n{report(1, 'river')}".encode())
    asked = {"question": "Who is the chief engineer of the Hollin dam?", "stream": True}
    path = f"/v1/collections/{collection}/ask"
    with lectern.client.stream("POST", path, json=asked) as answer:
        story = list(heard(answer))
    assert story[0]["event"] == "job"
    assert story[-1]["event"] == "done", story[-1]
    tokens = [one for one in story if one["event"] == "token"]
    assert len(tokens) > 1
    result = story[-1]["data"]["result"]
    for citation in result["citations"]:
        page = lectern.get(f"/v1/documents/{citation['document_id']}/pages/{citation['page']}")
        assert page["text"][citation["char_start"] : citation["char_end"]] == citation["quote"]
    resumed = list(lectern.events(story[0]["data"]["id"], tokens[0]["id"]))
    assert resumed == story[story.index(tokens[0]) + 1 :]
    conversation = lectern.get(f"/v1/conversations/{story[0]['data']['conversation_id']}")
    (turn,) = conversation["turns"]
    assert (turn["question"], turn["answer"]) == (asked["question"], result["answer"])


def test_programs_of_others_get_the_same_citations(lectern: Fleet) -> None:
    collection = lectern.new_collection("Programs of others")
    fact = "The lighthouse at Skarn was built by Ingrid Torvald in 1874."
    (document,) = lectern.read(collection, skarn_md=f"# Skarn\n\n{fact}".encode())
    question = "Who built the lighthouse at Skarn?"

    program = OpenAI(base_url=f"{lectern.client.base_url}/v1", api_key="none")
    said = program.chat.completions.create(
        model="kb-programs-of-others", messages=[{"role": "user", "content": question}]
    )
    message = said.choices[0].message
    assert message.content == f"{fact} [1]"
    (annotation,) = message.annotations or []
    cited = annotation.citation  # type: ignore[attr-defined]

    async def by_agent() -> Any:
        async with Client(f"{lectern.client.base_url}/mcp") as agent:
            asked = {"collection": collection, "question": question}
            return (await agent.call_tool("ask", asked)).structured_content

    told = asyncio.run(by_agent())
    assert told["citations"] == [cited]
    assert told["links"] == {"1": annotation.url_citation.url}
    page = lectern.get(f"/v1/documents/{document['id']}/pages/{cited['page']}")
    assert page["text"][cited["char_start"] : cited["char_end"]] == cited["quote"]
    assert annotation.url_citation.url == str(lectern.client.base_url) + (
        f"/#/documents/{document['id']}/pages/{cited['page']}?start={cited['char_start']}"
        f"&end={cited['char_end']}&version={cited['version_id']}"
    )


def test_a_question_does_not_wait_for_a_long_summary(lectern: Fleet) -> None:
    collection = lectern.new_collection("Both")
    (document,) = lectern.read(collection, long_txt=report(12, "eastern").encode())
    summary = lectern.ask_for(kind="summary", document_id=document["id"])["id"]
    until(lambda: lectern.job(summary)["status"] == "running", "the summary runs")
    asked = {"question": "How many faults did the office count in week 5?", "stream": True}
    with lectern.client.stream("POST", f"/v1/collections/{collection}/ask", json=asked) as answer:
        names = (one["event"] for one in heard(answer))
        first = next(name for name in names if name in {"token", "done", "error"})
        assert first in {"token", "done"}
        running = lectern.job(summary)
        assert running["status"] == "running"
        assert "done" in {first, *names}
    # Nor must it be finished: it is cancelled, and that within reason.
    assert lectern.client.post(f"/v1/jobs/{summary}/cancel").status_code == 202
    ended = lectern.ended(summary)
    assert (ended["status"], ended["result"]) == ("cancelled", None)
    assert ended["error"]["code"] == "cancelled"
    assert {step["status"] for step in lectern.steps(summary)} <= {"done", "cancelled"}
    assert list(lectern.events(summary))[-1]["event"] == "error"


def test_who_leaves_cancels_the_question(lectern: Fleet) -> None:
    collection = lectern.new_collection("Leaving")
    lectern.read(collection, notes_md=report(1, "western").encode())
    asked = {"question": "What did the western office inspect in week 2?", "stream": True}
    with lectern.client.stream("POST", f"/v1/collections/{collection}/ask", json=asked) as answer:
        job = next(heard(answer))["data"]["id"]
    assert lectern.ended(job)["status"] in {"cancelled", "succeeded"}


def test_a_deleted_document_leaves_no_trace(lectern: Fleet) -> None:
    collection = lectern.new_collection("Deleting")
    gone_text, kept_text = (report(2, name).encode() for name in ("zanzibar", "quarterly"))
    gone, kept = lectern.read(collection, gone_txt=gone_text, kept_txt=kept_text)
    path = f"/v1/collections/{collection}"
    jobs = [lectern.ask_for(kind="summary", document_id=gone["id"])["id"]]
    question = "What did the zanzibar office inspect in week 3?"
    jobs += [lectern.ask_for(kind="question", collection_id=collection, question=question)["id"]]
    for job in jobs:
        lectern.ended(job)
    lectern.client.post(f"{path}/search", json={"query": "zanzibar office"})
    running = lectern.ask_for(kind="summary", document_id=gone["id"], priority=-1)["id"]

    answer = lectern.client.delete(f"/v1/documents/{gone['id']}")
    assert answer.status_code == 202
    assert problem(lectern.client.get(f"/v1/documents/{gone['id']}")) == (
        404,
        "document_not_found",
    )
    deletion = answer.json()["job"]["id"]
    assert lectern.ended(deletion)["status"] == "succeeded"

    left = {
        (table, row)
        for table, row in everything_in_sql(lectern)
        if gone["id"] in row or "zanzibar" in row.lower()
    }
    assert {table for table, row in left if deletion not in row} == set()
    index = VectorIndex(lectern.chroma_url)
    chunks = lectern.sql("SELECT count(*) FROM chunks WHERE version_id = ?", kept["version"]["id"])[
        0
    ][0]
    assert index.count(collection) == chunks
    blobs = {file.name for file in (lectern.data / "blobs").rglob("*") if file.is_file()}
    assert hashlib.sha256(gone_text).hexdigest() not in blobs
    assert hashlib.sha256(kept_text).hexdigest() in blobs
    with lectern.wire() as wire:
        keys = set(wire.scan_iter("lectern:events:*"))
    assert not {f"lectern:events:{job}" for job in (*jobs, running)} & keys
    for job in (*jobs, running):
        assert problem(lectern.client.get(f"/v1/jobs/{job}")) == (404, "job_not_found")
    assert lectern.get(f"/v1/documents/{kept['id']}")["status"] == "ready"

    deletion = lectern.client.delete(path).json()["job"]["id"]
    assert lectern.ended(deletion)["status"] == "succeeded"
    assert index.count(collection) == 0
    assert lectern.sql("SELECT count(*) FROM documents WHERE collection_id = ?", collection) == [
        (0,)
    ]


def everything_in_sql(lectern: Fleet) -> Iterator[tuple[str, str]]:
    tables = lectern.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (table,) in tables:
        for row in lectern.sql(f'SELECT * FROM "{table}"'):
            told = (one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
                    for one in row)  # fmt: skip
            yield table, " ".join(told)


REFUSED: dict[str, tuple[str, Callable[[], bytes], int, str]] = {
    "nothing": ("empty_txt", lambda: b"", 422, "empty_file"),
    "a program": ("setup_txt", lambda: b"MZ\x90\0\3\0\0\0" + bytes(900), 415, "unsupported_type"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_be_read_is_refused_whole(lectern: Fleet, what: str) -> None:
    name, made, status, code = REFUSED[what]
    collection = lectern.new_collection(f"Refused: {what}")
    before = blobs_of(lectern)
    answer = lectern.upload(collection, good_txt=b"Good.", **{name: made()})
    assert problem(answer) == (status, code)
    assert lectern.get(f"/v1/collections/{collection}/documents")["documents"] == []
    assert blobs_of(lectern) == before


FAILING: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a locked PDF": (
        "locked_pdf",
        lambda: pdf("Secret.", encrypt=StandardEncryption("key", strength=128)),
        "encrypted_document",
    ),
    "ten thousand pages": ("pages_txt", lambda: b"One line.\f" * 10_000, "too_many_pages"),
    "a zip bomb": ("bomb_docx", bomb, "archive_bomb"),
    "a broken picture": (
        "photo_txt",
        lambda: b"\x89PNG\r\n\x1a\n" + bytes(900),
        "damaged_document",
    ),
    "a broken PDF": ("broken_pdf", lambda: b"%PDF-1.7\n" + b"nonsense " * 50, "damaged_document"),
    "only blanks": ("blank_txt", lambda: b" \n" * 500, "empty_document"),
}


@pytest.mark.parametrize("what", FAILING)
def test_what_turns_out_to_be_bad_fails_by_name_and_leaves_nothing(
    lectern: Fleet, what: str
) -> None:
    name, made, code = FAILING[what]
    collection = lectern.new_collection(f"Failing: {what}")
    before = blobs_of(lectern)
    answer = lectern.upload(collection, **{name: made()})
    assert answer.status_code == 202, answer.text
    job = lectern.ended(answer.json()["jobs"][0]["id"])
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    document = lectern.get(f"/v1/documents/{answer.json()['documents'][0]['id']}")
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    for table in ("pages", "chunks"):
        query = f"SELECT count(*) FROM {table} WHERE version_id = ?"
        assert lectern.sql(query, document["version"]["id"]) == [(0,)]
    until(lambda: blobs_of(lectern) == before, "its bytes are dropped", 10)
    summary = {"kind": "summary", "document_id": document["id"]}
    assert problem(lectern.client.post("/v1/jobs", json=summary)) == (422, "document_not_ready")


def blobs_of(lectern: Fleet) -> set[str]:
    return {file.name for file in (lectern.data / "blobs").rglob("*") if file.is_file()}


def test_unknown_ids_and_impossible_questions(lectern: Fleet) -> None:
    collection = lectern.new_collection("Odd")
    ask = f"/v1/collections/{collection}/ask"
    get, post = lectern.client.get, lectern.client.post
    expected: list[tuple[Any, tuple[int, str]]] = [
        (get("/v1/documents/doc_none"), (404, "document_not_found")),
        (get("/v1/collections/col_none"), (404, "collection_not_found")),
        (get("/v1/jobs/job_none/events"), (404, "job_not_found")),
        (get("/v1/conversations/conv_none"), (404, "conversation_not_found")),
        (post("/v1/jobs/job_none/cancel"), (404, "job_not_found")),
        (
            post("/v1/collections/col_none/ask", json={"question": "?"}),
            (404, "collection_not_found"),
        ),
        (post(ask, json={"question": "  "}), (422, "empty_question")),
        (post(ask, json={"question": "x" * 4_001}), (422, "question_too_long")),
    ]
    for answer, wanted in expected:
        assert problem(answer) == wanted
    assert lectern.get("/v1/jobs?collection_id=" + collection)["jobs"] == []


def test_an_empty_collection_answers_nothing(lectern: Fleet) -> None:
    collection = lectern.new_collection("Empty")
    answer: Made = lectern.client.post(
        f"/v1/collections/{collection}/ask", json={"question": "Who was there?"}
    ).json()
    assert (answer["refused"], answer["citations"]) == (True, [])
