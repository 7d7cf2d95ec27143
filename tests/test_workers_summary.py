"""Summaries: every section once, one summary in the end, and nothing paid for twice."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import Office, new_collection, pdf, prose, read
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.database import reading, writing
from ingest.tables import ChunkRow
from workers import events, jobs, submit
from workers.jobs import Job, Step
from workers.kinds.summary import plan
from workers.states import JobKind, JobStatus, Lane, StepStatus
from workers.tables import CheckpointRow
from workers.work import NewStep

JOB = Job(
    id="job_1",
    kind=JobKind.SUMMARY,
    status=JobStatus.RUNNING,
    lane=Lane.BATCH,
    priority=0,
    collection_id="c",
    document_id="d",
    params={},
    progress={},
    result=None,
    error=None,
    created_at=0.0,
    started_at=0.0,
    finished_at=None,
    cancel_requested_at=None,
)
USAGE = {"prompt_tokens": 3, "cached_tokens": 1, "completion_tokens": 2}


def step(kind: str, ordinal: int, given: dict[str, Any], output: dict[str, Any] | None) -> Step:
    return Step(
        id=f"{kind}_{ordinal}",
        job_id=JOB.id,
        kind=kind,
        ordinal=ordinal,
        lane=Lane.BATCH,
        status=StepStatus.DONE if output else StepStatus.READY,
        input=given,
        output=output,
        error=None,
        fence=0,
        claims=0,
        lost=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )


def outlined(sections: int, merge_tokens: int) -> Step:
    made = [
        {"title": f"S{n}", "first_page": n + 1, "last_page": n + 1, "parts": [[n + 1, 0, 9]]}
        for n in range(sections)
    ]
    output = {
        "sections": made,
        "language": "en",
        "merge_tokens": merge_tokens,
        "coverage": {"pages_total": sections},
    }
    return step("outline", 0, {}, output)


def text_of(new: NewStep, tokens: int) -> dict[str, Any]:
    return {
        "text": f"{new.kind} {new.ordinal}",
        "tokens": tokens,
        "usage": USAGE,
        "ms": 5,
        "reused": False,
    }


@settings(deadline=None)
@given(
    sections=st.integers(1, 400),
    merge_tokens=st.integers(700, 4_000),
    random=st.randoms(use_true_random=False),
)
def test_any_number_of_sections_ends_in_one_summary(
    sections: int, merge_tokens: int, random: Any
) -> None:
    done: list[Step] = [outlined(sections, merge_tokens)]
    waiting: list[NewStep] = []
    tokens: dict[str, int] = {}
    merged: list[str] = []
    while (planned := plan(JOB, done)).result is None:
        assert 0 <= planned.progress.done <= planned.progress.total
        for new in planned.steps:
            done.append(step(new.kind, new.ordinal, new.input, None))
            if new.kind == "merge":
                children = new.input["children"]
                merged += children
                assert children
                assert len(children) <= 2 or sum(
                    tokens[child] for child in children
                ) <= merge_tokens  # fmt: skip
        waiting += planned.steps
        assert waiting, "it would wait for ever"
        new = waiting.pop(random.randrange(len(waiting)))
        place = next(
            p for p, s in enumerate(done) if (s.kind, s.ordinal) == (new.kind, new.ordinal)
        )
        tokens[done[place].id] = random.randint(1, 160 if new.kind == "section" else 320)
        output = text_of(new, tokens[done[place].id])
        done[place] = replace(done[place], status=StepStatus.DONE, output=output)
    assert waiting == []
    last = max(done[1:], key=lambda one: (one.kind == "merge", one.ordinal), default=None)
    assert last is not None
    assert planned.result["summary"] == (last.output or {})["text"]
    everything_else = sorted(one.id for one in done[1:] if one is not last)
    assert sorted(merged) == everything_else  # each section and each merge in exactly one merge
    assert planned.progress.public()["percent"] == 100
    assert len(planned.result["sections"]) == len(done) - 1
    assert planned.result["usage"]["prompt_tokens"] == 3 * (len(done) - 1)
    if last.kind == "merge":
        assert last.input["pages"] == [1, sections]


def test_a_plan_waits_for_the_steps_that_run() -> None:
    outline = outlined(2, 1_000)
    first, second = plan(JOB, [outline]).steps
    one = step("section", 0, first.input, text_of(first, 9))
    two = step("section", 1, second.input, None)
    assert plan(JOB, [outline, one, two]).steps == ()
    assert plan(JOB, [step("outline", 0, {}, None)]).steps == ()


@pytest.fixture
def office(migrated: object) -> Office:
    return Office()


def summarised(office: Office, document_id: str) -> Job:
    job = submit.summary(document_id)
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED, ended.error
    return ended


def test_the_whole_document_is_read_and_the_result_says_so(office: Office) -> None:
    sheets = [prose(50, 9, topic=f"t{number}n").replace("\n\n", "\n") for number in range(9)]
    document = read(office, new_collection(), pdf(*sheets[:4], "", *sheets[4:]))
    assert document.version is not None
    job = summarised(office, document.id)
    result = job.result or {}
    characters = sum(not one.isspace() for one in "".join(sheets))
    assert result["coverage"] == {
        "pages_total": 10,
        "pages_read": [[1, 4], [6, 10]],
        "pages_empty": [5],
        "characters_total": characters,
        "characters_read": characters,
    }
    asked = "\n".join(office.model.asked)
    said = [f"t{number}n{line}w7 " for number in range(9) for line in range(50)]
    assert {asked.count(words) for words in said} == {1}
    assert len(office.model.asked) > 3
    assert result["language"] == "en"
    assert result["steps_reused"] == 0
    assert result["usage"]["completion_tokens"] == 5 * (len(jobs.steps_of(job.id)) - 1)


def test_the_language_is_the_documents_own(office: Office) -> None:
    text = "員工請假應於三日前提出申請，經主管核准後始得離開工作崗位。\n\n" * 30
    document = read(office, new_collection(), text)
    assert (summarised(office, document.id).result or {})["language"] == "zh-TW"
    assert "摘要" in office.model.asked[0]


def test_the_same_document_is_paid_for_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(events, "emit", lambda _, name, data: told.append((name, data)))
    collection = new_collection()
    document = read(office, collection, prose(60))
    first = summarised(office, document.id).result or {}
    asked = len(office.model.asked)
    told.clear()
    second = summarised(office, document.id).result or {}
    assert len(office.model.asked) == asked
    assert (first["steps_reused"], second["steps_reused"]) == (0, asked)
    assert second["summary"] == first["summary"]
    assert set(second["usage"].values()) == {0}
    assert all(section["reused"] for section in second["sections"])
    assert {data["reused"] for name, data in told if name == "partial"} == {True}
    again = read(office, new_collection("Other"), prose(60), "a.txt")
    assert (summarised(office, again.id).result or {})["steps_reused"] == asked


def test_another_model_or_text_is_paid_for(office: Office) -> None:
    document = read(office, new_collection(), prose(60))
    summarised(office, document.id)
    asked = len(office.model.asked)
    other = Office()
    other.runtime._tools = replace(
        other.tools, language=replace(other.tools.language, fingerprint="other-model")
    )
    assert (summarised(other, document.id).result or {})["steps_reused"] == 0
    assert len(other.model.asked) == asked
    with reading() as session:
        assert session.query(CheckpointRow).count() == 2 * asked


def test_a_document_without_chunks_fails_instead_of_waiting(office: Office) -> None:
    document = read(office, new_collection(), prose(3))
    job = submit.summary(document.id)
    with writing() as session:
        session.query(ChunkRow).delete()
    office.work(job)
    assert (jobs.get(job.id).error or {})["code"] == "empty_document"
