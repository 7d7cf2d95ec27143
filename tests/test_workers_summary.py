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
from workers.styles import AS_USUAL, Form, Style, Tongue
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


FORM = {"style": "standard", "length": 120, "language": "en", "instruction": ""}


def outlined(sections: int, merge_tokens: int, style: str = "standard") -> Step:
    made = [
        {"title": f"S{n}", "first_page": n + 1, "last_page": n + 1, "parts": [[n + 1, 0, 9]]}
        for n in range(sections)
    ]
    output = {
        "document_id": "d",
        "version_id": "v",
        "name": "d.txt",
        "sections": made,
        "language": "en",
        "form": {**FORM, "style": style},
        "section_answer": 160,
        "answer": 200,
        "merge_tokens": merge_tokens,
        "coverage": {"pages_total": sections},
    }
    return step("outline", 0, {}, output)


def text_of(new: NewStep, tokens: int) -> dict[str, Any]:
    said = f"{new.kind} {new.ordinal} was said."
    first = new.kind in ("section", "whole")
    carried = {"text": said, "support": "verified", "places": [[0, 0, 9]]}
    cite = {"page": new.input["pages"][0], "char_start": 0, "char_end": 9, "quote": "something"}
    return {
        "text": said,
        "tokens": tokens,
        "length": 4,
        "sentences": [carried],
        "thought": "",
        "usage": USAGE,
        "ms": 5,
        "reused": False,
        **({"cites": [[cite]]} if first else {}),
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
            if new.input["level"]:
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
        tokens[done[place].id] = random.randint(1, 320 if new.input["level"] else 160)
        output = text_of(new, tokens[done[place].id])
        done[place] = replace(done[place], status=StepStatus.DONE, output=output)
    assert waiting == []
    last = next(one for one in done if one.kind in ("final", "whole"))
    result = planned.result
    assert result["summary"] == (last.output or {})["text"]
    everything_else = sorted(one.id for one in done[1:] if one is not last)
    assert sorted(merged) == everything_else  # each section and each merge in exactly one merge
    assert planned.progress.public()["percent"] == 100
    assert len(result["sections"]) == len(done) - 1
    assert result["usage"]["prompt_tokens"] == 3 * (len(done) - 1)
    assert last.input["pages"] == [1, sections]
    # From the summary's sentence down to the page, by way of every level.
    (sentence,) = result["sentences"]
    assert sentence["support"] == "verified"
    (citation,) = (result["citations"][number - 1] for number in sentence["citations"])
    assert (citation["page"], citation["version_id"]) == (1, "v")


def test_a_chain_is_as_strong_as_its_weakest_link() -> None:
    done = [outlined(2, 1_000)]
    for new in plan(JOB, done).steps:
        output = text_of(new, 9)
        output["sentences"][0]["support"] = "similar" if new.ordinal else "unsupported"
        done.append(step(new.kind, new.ordinal, new.input, output))
    (last,) = plan(JOB, done).steps
    output = text_of(last, 9)
    sentence = output["sentences"][0]
    output["sentences"] = [{**sentence, "places": [[n, 0, 9]]} for n in range(2)]
    output["sentences"].append({**sentence, "support": "no_claim", "places": []})
    result = plan(JOB, [*done, step(last.kind, 0, last.input, output)]).result or {}
    supports = [one["support"] for one in result["sentences"]]
    assert supports == ["unsupported", "similar", "no_claim"]
    assert [one["of"] for one in result["sentences"]] == [
        (("section_0", 0),),
        (("section_1", 0),),
        (),
    ]


def test_minutes_hold_the_lines_of_every_section_whatever_the_merges_left_out() -> None:
    done = [outlined(40, 700, "minutes")]
    while (planned := plan(JOB, done)).result is None:
        done += [step(one.kind, one.ordinal, one.input, text_of(one, 150)) for one in planned.steps]
    last = next(one for one in done if one.kind == "final")
    assert any(one.kind == "merge" for one in done)
    assert last.input["leaves"] == [f"section_{n}" for n in range(40)]
    (first,) = plan(JOB, [outlined(1, 700, "minutes")]).steps
    assert first.kind == "section"


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


def summarised(office: Office, document_id: str, form: Form = AS_USUAL) -> Job:
    job = submit.summary(document_id, form)
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
        "pages_ocr": [],
        "characters_total": characters,
        "characters_read": characters,
        "characters_running": 0,
    }
    asked = "\n".join(office.model.asked)
    said = [f"t{number}n{line}w7 " for number in range(9) for line in range(50)]
    assert {asked.count(words) for words in said} == {1}
    assert len(office.model.asked) > 2
    assert result["language"] == "en"
    assert result["steps_reused"] == 0
    assert result["usage"]["completion_tokens"] == 5 * len(office.model.asked)


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
    steps = len(first["sections"])
    assert (first["steps_reused"], second["steps_reused"]) == (0, steps) != (0, 1)
    assert second["saved"]["tokens"] == sum(
        first["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    )
    assert second["summary"] == first["summary"]
    assert set(second["usage"].values()) == {0}
    assert all(section["reused"] for section in second["sections"])
    assert {data["reused"] for name, data in told if name == "partial"} == {True}
    again = read(office, new_collection("Other"), prose(60), "a.txt")
    assert (summarised(office, again.id).result or {})["steps_reused"] == steps


def test_another_style_pays_for_its_last_step_alone(office: Office) -> None:
    document = read(office, new_collection(), prose(60))
    summarised(office, document.id)
    brief = summarised(office, document.id, Form(Style.BRIEF)).result or {}
    assert [one["reused"] for one in brief["sections"]] == [True, True, False]
    assert brief["form"]["length"] == 50
    minutes = summarised(office, document.id, Form(Style.MINUTES)).result or {}
    assert minutes["steps_reused"] == 0
    assert "No decision was found." in minutes["summary"]
    own = Form(Style.CUSTOM, instruction="What of the quay?")
    assert (
        "What of the quay?" in (summarised(office, document.id, own).result or {})["form"].values()
    )
    assert all("What of the quay?" in asked for asked in office.model.asked[-4:])


def test_a_short_document_takes_one_pass_that_begins_as_questions_do(office: Office) -> None:
    document = read(office, new_collection(), prose(3))
    result = summarised(office, document.id).result or {}
    assert [one["kind"] for one in result["sections"]] == ["whole"]
    system, human = office.model.heard[0]
    assert "answer questions about a document" in system.text
    assert "harbour2w59" in human.text
    assert "about 120 words" in human.text


def test_a_length_that_is_missed_is_asked_for_once_more(office: Office) -> None:
    document = read(office, new_collection(), prose(3))
    result = summarised(office, document.id, Form(length=30)).result or {}
    assert len(office.model.asked) == 2
    assert "A first try had 5 words. It must have about 30." in office.model.asked[1]
    assert (result["length"], result["form"]["length"]) == (5, 30)
    office.model.asked.clear()
    summarised(office, document.id, Form(length=5))
    assert len(office.model.asked) == 1


def test_a_small_model_does_not_write_in_another_language(office: Office) -> None:
    office.runtime._tools = replace(
        office.tools, language=replace(office.tools.language, small=True)
    )
    document = read(office, new_collection(), prose(3))
    job = submit.summary(document.id, Form(language=Tongue.CHINESE))
    office.work(job)
    assert (jobs.get(job.id).error or {})["code"] == "language_not_possible"
    fitting = summarised(office, document.id, Form(length=60)).result or {}
    assert 48 <= fitting["length"] <= 72
    assert {one["support"] for one in fitting["sentences"]} == {"verified"}
    cited = {one["id"]: one for one in fitting["citations"]}
    for sentence in fitting["sentences"]:
        assert cited[sentence["citations"][0]]["quote"].split() == sentence["text"].split()


def test_another_model_or_text_is_paid_for(office: Office) -> None:
    document = read(office, new_collection(), prose(60))
    summarised(office, document.id)
    asked = len(office.model.asked)
    other = Office()
    other.runtime._tools = replace(
        other.tools, language=replace(other.tools.language, fingerprint="other-model")
    )
    result = summarised(other, document.id).result or {}
    assert result["steps_reused"] == 0
    assert len(other.model.asked) == asked
    with reading() as session:
        assert session.query(CheckpointRow).count() == 2 * len(result["sections"])


def test_a_document_without_chunks_fails_instead_of_waiting(office: Office) -> None:
    document = read(office, new_collection(), prose(3))
    job = submit.summary(document.id)
    with writing() as session:
        session.query(ChunkRow).delete()
    office.work(job)
    assert (jobs.get(job.id).error or {})["code"] == "empty_document"
