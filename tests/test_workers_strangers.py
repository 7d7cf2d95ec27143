"""Names that a question speaks of: found by their capitals, known by any form of them."""

import pytest

from workers.strangers import names_of, only_strangers


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What did Acme Water Works pay out in FY2020?", ["Acme Water Works"]),
        ("Acme's revenue in USD, and Borealis’s?", ["Borealis"]),
        ("Has ACME paid dividends to common shareholders in Q2 2023?", ["ACME"]),
        ("According to the P&L statement, what is the EBITDA margin of Acme?", ["Acme"]),
        (
            "Why did the Industrial Designer agree with Marketing?",
            ["Industrial Designer", "Marketing"],
        ),
        ("Summarize the discussion about the remote control.", []),
        ("How many days was the lamp dark in March?", []),
        ("誰核准定期遠距？", []),
    ],
)
def test_names_are_runs_of_capitals(question: str, names: list[str]) -> None:
    assert [" ".join(name) for name in names_of(question)] == names


@pytest.mark.parametrize(
    ("question", "evidence", "document", "strange"),
    [
        ("What did Acme earn?", "Acme earned 5 million.", "r.pdf", False),
        ("What did Acme earn?", "ACME CORPORATION", "r.pdf", False),
        ("What did Acme earn?", "Borealis earned 5 million.", "ACME_2021.pdf", False),
        ("What did Best Buy earn?", "the best way to buy", "BESTBUY_2017.pdf", False),
        ("What did Best Buy earn?", "the best way to buy", "borealis.pdf", True),
        ("What did AMW earn?", "Acme Mountain Water, Inc.", "r.pdf", False),
        ("What did JnJ earn?", "Jones & Jones and subsidiaries", "r.pdf", False),
        ("What did Acme earn?", "Borealis earned 5 million.", "borealis.pdf", True),
        ("What did Ada Lovelace write?", "Lovelace wrote notes.", "r.pdf", False),
        ("Did Acme buy Borealis?", "Borealis was bought.", "r.pdf", False),
        ("What was earned?", "Borealis earned 5 million.", "r.pdf", False),
    ],
)
def test_a_question_about_strangers_alone_is_seen(
    question: str, evidence: str, document: str, strange: bool
) -> None:
    assert only_strangers(question, [evidence], [document]) is strange
