"""Comparisons as jobs: from the wish to lists whose every statement can be opened."""

from dataclasses import replace
from typing import Any

import fakes
import pytest
from fakes import Office, new_collection, prose, read, ready_steps

from ingest import library
from ingest.database import reading, writing
from ingest.errors import DocumentNotFound, VersionNotFound
from ingest.records import Document
from ingest.tables import DocumentRow, DocumentStatus
from workers import jobs, submit
from workers.errors import DocumentNotReady
from workers.overview import Entry, checked
from workers.states import JobKind, JobStatus, Lane
from workers.submit import Compared
from workers.tables import CheckpointRow, EstimateRow, JobDocumentRow, JobRow

pytestmark = pytest.mark.usefixtures("migrated")

OLD = (
    "Payment is due within 30 days of the invoice.\n\n"
    "The supplier shall insure the goods in transit.\n\n"
    "Disputes are heard by the court of Taipei."
)
NEW = (
    "Payment is due within 45 days of the invoice.\n\n"
    "The supplier shall insure the goods in transit.\n\n"
    "Either party may end the contract in writing."
)


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def documents(office: Office) -> list[Document]:
    collection = new_collection()
    return [
        read(office, collection, text, name) for text, name in ((OLD, "old.txt"), (NEW, "new.txt"))
    ]


def wanted(documents: list[Document], **more: Any) -> Compared:
    return Compared([(document.id, None) for document in documents], **more)


def compared(office: Office, asked: Compared) -> dict[str, Any]:
    job = submit.compare(asked)
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED, ended.error
    return ended.result or {}


def test_what_agrees_differs_and_stands_alone_can_be_opened(
    office: Office, documents: list[Document]
) -> None:
    result = compared(office, wanted(documents))
    assert result["counts"] == {"agrees": 1, "differs": 1, "only": [1, 1]}
    (difference,) = result["differs"]
    assert difference["changed"] == [["30", "45"]]
    assert difference["kinds"] == ["figure"]
    assert [side["document_id"] for side in difference["sides"]] == [one.id for one in documents]
    assert [side["statements"][0]["text"].split()[0] for side in result["only"]] == [
        "Disputes",
        "Either",
    ]
    assert result["agrees"][0]["missing"] == []
    with reading() as session:
        for citation in result["citations"]:
            where = citation["document_id"], citation["page"], citation["version_id"]
            text = library.page(session, *where).text
            assert text[citation["char_start"] : citation["char_end"]] == citation["quote"]
    assert [one["statements"] for one in result["coverage"]] == [3, 3]
    assert result["coverage"][0]["characters_read"] == result["coverage"][0]["characters_total"]


def test_a_model_that_says_nothing_of_it_leaves_the_counts(
    office: Office, documents: list[Document]
) -> None:
    result = compared(office, wanted(documents))
    assert result["overview_mode"] == "counted"
    assert result["overview"].startswith(
        "1 statements agree, 1 differ; in one document alone: old.txt 1, new.txt 1."
    )
    assert "30 → 45" in result["overview"]
    assert result["overview_draft"] == "In short: it was said."
    assert "within 45 days" in office.model.asked[-1]
    assert "goods in transit" not in office.model.asked[-1]  # only what differs is shown
    chinese = compared(office, wanted(documents, language="zh-TW"))
    assert chinese["overview"].startswith("1 項相同，1 項不同")


def test_a_model_whose_words_are_carried_writes_the_overview(
    office: Office, documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Payment is due within 45 days instead of 30 [1]. All of it was agreed in Paris."
    monkeypatch.setattr(fakes, "REPLY", tuple(f"{word} " for word in said.split()))
    result = compared(office, wanted(documents))
    assert result["overview_mode"] == "written"
    assert result["overview"].startswith("Payment is due within 45 days instead of 30.")
    first, second = result["overview_sentences"]
    assert (first["verified"], second["verified"]) == (True, False)
    cited = [one for one in result["citations"] if one["id"] in first["citations"]]
    assert [one["document_name"] for one in cited] == ["old.txt", "new.txt"]
    assert result["usage"]["completion_tokens"] > 0


def test_a_small_model_is_not_asked(office: Office, documents: list[Document]) -> None:
    small = replace(office.tools.language, small=True)
    office.runtime._tools = replace(office.tools, language=small)
    result = compared(office, wanted(documents))
    assert (result["overview_mode"], office.model.asked) == ("counted", [])
    assert result["overview_draft"] is None


def test_equal_documents_need_no_model(office: Office, documents: list[Document]) -> None:
    twin = read(office, new_collection("Other"), OLD, "old.txt")
    result = compared(office, wanted([documents[0], twin]))
    assert result["counts"] == {"agrees": 3, "differs": 0, "only": [0, 0]}
    assert office.model.asked == []
    assert result["overview"] == (
        "3 statements agree, 0 differ; in one document alone: old.txt v1 (1) 0, old.txt v1 (2) 0."
    )


def test_what_was_aligned_once_is_not_aligned_again(
    office: Office, documents: list[Document]
) -> None:
    first = compared(office, wanted(documents))
    again = compared(office, wanted(documents))
    assert (first["steps_reused"], again["steps_reused"]) == (0, 1)
    estimating = submit.compare(wanted(documents), dry_run=True)
    office.work(estimating)
    assert (jobs.get(estimating.id).result or {})["kept"] == 1
    assert again["differs"] == first["differs"]
    with reading() as session:
        kept = repr([row.output for row in session.query(CheckpointRow)])
    assert "invoice" not in kept  # places only: the words belong to several documents


def test_every_pair_of_three_is_a_step(office: Office, documents: list[Document]) -> None:
    third = read(office, documents[0].collection_id, OLD.replace("30", "60"), "third.txt")
    job = submit.compare(wanted([*documents, third]))
    office.work(job)
    kinds = [step.kind for step in jobs.steps_of(job.id)]
    assert kinds == ["survey", "align", "align", "align", "gather", "overview"]
    result = jobs.get(job.id).result or {}
    (difference,) = result["differs"]
    assert [side["changed"] for side in difference["sides"]] == [[], [["30", "45"]], [["30", "60"]]]
    assert jobs.get(job.id).progress["percent"] == 100


def test_a_focus_leaves_out_what_does_not_concern_it(
    office: Office, documents: list[Document]
) -> None:
    office.tools.embedder.unknown_share = lambda _text: 1.0  # type: ignore[method-assign]
    result = compared(office, wanted(documents, focus="invoice"))
    assert result["counts"] == {"agrees": 0, "differs": 1, "only": [0, 0]}


def test_a_dry_run_says_what_it_would_take(office: Office, documents: list[Document]) -> None:
    job = submit.compare(wanted(documents), dry_run=True)
    assert job.lane is Lane.INTERACTIVE
    office.work(job)
    estimate = jobs.get(job.id).result or {}
    assert (estimate["steps"], estimate["kept"]) == (3, 0)
    assert estimate["p90"] >= estimate["p50"] > 0
    assert office.model.asked == []


def test_the_estimate_is_kept_with_what_became_of_it(
    office: Office, documents: list[Document]
) -> None:
    compared(office, wanted(documents))
    with reading() as session:
        (row,) = session.query(EstimateRow)
        assert row.real_seconds is not None


def test_deleting_one_document_removes_the_comparison(
    office: Office, documents: list[Document]
) -> None:
    job = submit.compare(wanted(documents))
    office.work(job)
    submit.delete_document(documents[1].id)
    office.work()
    with pytest.raises(jobs.JobNotFound):
        jobs.get(job.id)
    with reading() as session:
        assert session.query(JobDocumentRow).filter_by(job_id=job.id).count() == 0
        assert "45 days" not in repr([row.output for row in session.query(CheckpointRow)])
        assert library.document(session, documents[0].id).status == DocumentStatus.READY


def test_a_cancelled_comparison_stops(office: Office, documents: list[Document]) -> None:
    job = submit.compare(wanted(documents))
    office.runtime.run(ready_steps(job)[0])
    jobs.cancel(job.id)
    assert office.work(job) == 0
    assert jobs.get(job.id).status is JobStatus.CANCELLED


def test_only_what_is_there_and_read_is_compared(office: Office, documents: list[Document]) -> None:
    version = documents[1].version
    assert version is not None
    with pytest.raises(DocumentNotFound):
        submit.compare(Compared([(documents[0].id, None), ("doc_none", None)]))
    with pytest.raises(VersionNotFound):
        submit.compare(Compared([(documents[0].id, version.id), (documents[1].id, None)]))
    with writing() as session:
        session.get_one(DocumentRow, documents[1].id).status = DocumentStatus.READING
    with pytest.raises(DocumentNotReady):
        submit.compare(wanted(documents))
    with reading() as session:
        assert session.query(JobRow).filter_by(kind=JobKind.COMPARE).count() == 0


def test_long_lists_are_cut_and_counted(office: Office) -> None:
    office.tools.embedder.unknown_share = lambda _text: 1.0  # type: ignore[method-assign]
    collection = new_collection()
    topics = "harbour", "museum"
    sides = [read(office, collection, prose(90, 12, each), f"{each}.txt") for each in topics]
    result = compared(office, wanted(sides))
    assert result["counts"]["only"] == [90, 90]
    assert [len(side["statements"]) for side in result["only"]] == [60, 60]


def test_an_overview_stands_as_far_as_the_statements_carry_it() -> None:
    shown = [
        Entry(
            ("old: Payment is due within 30 days.", "new: Payment is due within 45 days."),
            (1, 2),
            "Payment",
        ),
        Entry(("new: The supplier shall not assign the contract.",), (3,)),
    ]
    text = (
        "Payment is due within 45 days instead of 30. Payment is due within 60 days. "
        "The supplier shall not assign the contract. The supplier shall assign the contract. "
        "The supplier may not assign the contract. 4 statements agree."
    )
    sentences = checked(text, shown, "4 statements agree, 2 differ.")
    assert [one.verified for one in sentences] == [True, False, True, False, False, True]
    assert sentences[0].citations == (1, 2)
