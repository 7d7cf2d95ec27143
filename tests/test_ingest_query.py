"""Questions are understood without a model: what they ask, not how to answer."""

import pytest

from ingest.accounting import BALANCE, CASH, INCOME, printed
from ingest.query import understand


def test_what_tells_how_to_answer_is_not_looked_up() -> None:
    asked = understand(
        "Answer the following question as if you were an equity analyst: how many mains did "
        "Northbank renew? Please round your answer to two decimal places."
    )
    assert {"northbank", "mains", "renew"} <= set(asked.words)
    assert not {"answer", "following", "analyst", "round", "decimal"} & set(asked.words)


def test_a_question_of_such_words_alone_keeps_them() -> None:
    assert understand("Please answer").words == ("please", "answer")


@pytest.mark.parametrize("written", ["FY20", "FY2020", "FY 20", "fy'20"])
def test_fiscal_years_are_looked_up_as_documents_write_them(written: str) -> None:
    assert "2020" in understand(f"What was earned in {written}?").words


def test_a_quarter_does_not_swallow_its_year() -> None:
    assert "2023" in understand("What did revenues do in Q22023?").words


def test_a_figure_leads_to_the_statement_that_is_named() -> None:
    cue = printed("By the P&L statement, what was the gross margin?")
    assert INCOME in cue
    assert BALANCE not in cue


def test_a_ratio_leads_to_the_statements_it_is_made_of() -> None:
    assert BALANCE in printed("Is the quick ratio healthy?")
    both = printed("What is the inventory turnover ratio?")
    assert BALANCE in both
    assert INCOME in both
    assert CASH in printed("What was the capex in FY2020?")


def test_an_abbreviation_is_printed_in_full() -> None:
    assert "property plant and equipment" in printed("Did PP&E grow?")


@pytest.mark.parametrize(
    "question",
    ["How were the mains renewed?", "特別休假要幾天前請假？", "Who sets the balance?", ""],
)
def test_other_questions_get_no_words_of_accounts(question: str) -> None:
    assert understand(question).cue == ""
