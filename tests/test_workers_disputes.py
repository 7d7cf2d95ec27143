"""Sources that disagree: shown side by side, and only where they speak of the same thing."""

from dataclasses import replace

import pytest
from test_workers_citations import passage

from ingest.passages import Found
from workers.citations import Place, prove, quoted
from workers.disputes import dispute
from workers.tokens import tokens_of

CAP = "The cap on home office equipment is 5,000 dollars."
OTHERWISE = CAP.replace("5,000", "6,000")


@pytest.mark.parametrize(
    ("one", "other", "disputed"),
    [
        (CAP, "The cap on home office equipment is 6,000 dollars.", True),
        (CAP, "The home office equipment cap is 6,000 dollars.", True),
        (CAP, CAP, False),
        (CAP, "The cap on home office equipment is 5,000 dollars, of 12 months.", False),
        (CAP, "The cap on travel by train is 6,000 dollars.", False),
        (CAP, "The cap is 6,000.", False),
        ("In 2023 mains of 25 km were renewed.", "In 2024 mains of 31 km were renewed.", False),
        ("In 2023 mains of 25 km were renewed.", "In 2023 mains of 31 km were renewed.", True),
        ("遠距設備補助上限為5,000元。", "遠距設備補助上限為6,000元。", True),
        ("遠距設備補助上限為5,000元。", "員工旅遊補助上限為6,000元。", False),
    ],
)
def test_only_other_figures_of_the_same_thing_dispute(one: str, other: str, disputed: bool) -> None:
    assert dispute(tokens_of(one), tokens_of(other)) is disputed
    assert dispute(tokens_of(other), tokens_of(one)) is disputed


def of(document: str, text: str) -> Found:
    return replace(passage(text), document_id=document, version_id=f"ver_{document}")


def test_an_answer_names_who_says_otherwise() -> None:
    ours, theirs = of("doc_a", CAP), of("doc_b", OTHERWISE)
    for proof in (prove(CAP, [ours, theirs]), quoted([Place(ours, 0, len(CAP))], [ours, theirs])):
        (sentence,) = proof.sentences
        cited = {each.id: each.document_id for each in proof.citations}
        assert [cited[each] for each in sentence.citations] == ["doc_a"]
        assert [cited[each] for each in sentence.disputed] == ["doc_b"]


def test_one_document_does_not_dispute_itself() -> None:
    ours, later = of("doc_a", CAP), of("doc_a", OTHERWISE)
    (sentence,) = prove(CAP, [ours, later]).sentences
    assert sentence.disputed == ()
