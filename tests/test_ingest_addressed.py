"""Which documents a question speaks of."""

import pytest
from fakes import Office, new_collection, pdf, read

from ingest.addressed import Named, addressed
from ingest.database import reading
from ingest.passages import Scope
from ingest.search import find

pytestmark = pytest.mark.usefixtures("migrated")

REPORTS = [
    Named("a20", "BESTBUY_2020_10K.pdf"),
    Named("a21", "BESTBUY_2021_10K.pdf"),
    Named("b21", "Northbank-Water-annual-report-2021.pdf"),
    Named("c", "特別休假辦法.docx"),
]


def spoken_of(question: str, documents: list[Named] = REPORTS) -> list[str]:
    with reading() as session:
        found = addressed(session, documents, question)
    return sorted(found, key=lambda key: -found[key])


def test_a_name_without_blanks_is_found_by_its_words() -> None:
    assert set(spoken_of("What did Best Buy earn?")) == {"a20", "a21"}


def test_the_year_tells_the_reports_of_one_company_apart() -> None:
    assert spoken_of("What did Best Buy earn in FY21?")[0] == "a21"
    assert spoken_of("What did Best Buy earn between FY2019 and FY2020?")[0] == "a20"


def test_a_year_alone_speaks_of_no_document() -> None:
    assert spoken_of("What happened in 2021?") == []


def test_a_number_in_a_question_is_no_document() -> None:
    notes = [Named("n1", "note-12.txt"), Named("n2", "note-13.txt"), Named("n3", "case-10482.txt")]
    assert spoken_of("Which 12 of them agreed?", notes) == []
    assert spoken_of("What was decided in case 10482?", notes) == ["n3"]


def test_chinese_names_are_found() -> None:
    assert spoken_of("特別休假要幾天前申請？") == ["c"]


def test_one_document_alone_needs_no_preference() -> None:
    assert spoken_of("What did Best Buy earn?", REPORTS[:1]) == []


def test_what_a_cover_says_is_a_name_too_and_its_document_comes_first() -> None:
    office, collection = Office(), new_collection()
    text = "{} Incorporated\nTrading symbol {}\nThe mains of the company were renewed in May."
    for name, symbol in (("one", "ABCD"), ("two", "NBWA"), ("three", "XYZX")):
        read(office, collection, pdf(text.format(name, symbol)), f"{name}.pdf")
    found = find(
        Scope(collection),
        "When were the mains of NBWA renewed?",
        3,
        office.tools.embedders,
        office.index,
    )
    assert found.passages[0].document_name == "two.pdf"
    assert len(found.passages) == 3  # the others are not shut out
