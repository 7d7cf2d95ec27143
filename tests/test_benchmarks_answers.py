"""Evaluation of answers: what counts as right, refused, proved; by the worker's own steps."""

import json
from pathlib import Path

import fakes
import pytest
from fakes import FakeEmbedder, Parrot
from test_benchmarks_retrieval import data as data  # noqa: PLC0414 - a fixture

from benchmarks.evaluation.answers import UNKNOWING, measured
from benchmarks.evaluation.claims import holds, matches
from benchmarks.evaluation.layouts import sets
from workers.language import Language


@pytest.mark.parametrize(
    ("reference", "reply", "found"),
    [
        ("4.2%", "It was 4.2 percent.", True),
        ("$1,577.00", "The company spent 1577 million.", True),
        ("4.2%", "It was 4.9 percent.", False),
        ("三月", "變壓器在三月更換。", True),
        ("三 月", "變壓器在四月更換。", False),
        ("Ada Lovelace", "It was ADA  LOVELACE, she said.", True),
        ("", "Anything.", None),
        ("x" * 61, "x" * 61, None),
    ],
)
def test_a_reply_holds_a_short_reference_or_not(
    reference: str, reply: str, found: bool | None
) -> None:
    assert matches(reference, reply) is found


@pytest.mark.parametrize(
    ("quote", "claim", "held"),
    [
        ("Mains of 25 km were renewed in March.", "In March, mains of 25 km were renewed.", True),
        ("Mains of 25 km were renewed in March.", "In March, mains of 26 km were renewed.", False),
        ("Mains of 25 km were renewed in March.", "Mains of 1,025 km were renewed.", False),
        ("The harbour is deep.", "The committee met and approved the budget.", False),
        ("變壓器在三月更換。", "變壓器三月更換。", True),
    ],
)
def test_a_quote_holds_a_claim_by_figures_and_words(quote: str, claim: str, held: bool) -> None:
    assert holds(quote, claim) is held


@pytest.mark.parametrize("text", ["I don’t know.", "The text does not mention it.", "不知道"])
def test_a_stock_chain_refuses_in_many_words(text: str) -> None:
    assert UNKNOWING.search(text)


def test_questions_are_asked_where_they_are_answered_and_where_not(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = json.loads((data / "articles.json").read_text())
    other = {"paragraphs": [{"context": "The harbour was dredged in June by the new crew."}]}
    other["paragraphs"][0]["qas"] = [  # type: ignore[assignment]
        {"question": "When was the harbour dredged?", "answers": [{"text": "June"}]}
    ]
    (data / "articles.json").write_text(json.dumps({"data": [*articles["data"], other]}))
    (found,) = sets(data / "articles.json")
    assert [one.document for one in found.asked] == ["article-1.txt"] * 2 + ["article-2.txt"]
    assert [one.document for one in found.misplaced] == ["article-2.txt"] * 2 + ["article-1.txt"]
    said = "The harbour was dredged in June by the new crew."
    monkeypatch.setattr(fakes, "REPLY", (said,))
    model = Language(
        chat=Parrot(),
        fingerprint="parrot",
        context_tokens=4_096,
        count_tokens=len,
        engine=None,
        small=True,
    )
    within, everywhere = measured(found, FakeEmbedder(), model)  # type: ignore[arg-type]
    assert (within["n"], within["n_misplaced"], everywhere["n_misplaced"]) == (3, 3, 0)
    assert within["citation_precision"] == 1.0
    assert within["stock_answered"] == 1.0
    assert within["stock_refused"] == 0.0
    (right,) = [
        one
        for one in within["replies"]
        if one["by"] == "lectern" and one["document"] == "article-2.txt" and one["reference"]
    ]
    assert (right["reply"], right["refused"]) == (said, False)
