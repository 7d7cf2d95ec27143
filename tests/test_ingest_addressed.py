"""Which documents a question speaks of, of few documents and of many."""

from collections.abc import Sequence

import pytest
from fakes import Office, new_collection, pdf, read
from sqlalchemy import func, select

from ingest import addressed, library, profiles
from ingest.database import new_id, reading, writing
from ingest.passages import Scope
from ingest.search import find
from ingest.tables import DocumentRow, DocumentStatus, NameWordRow

pytestmark = pytest.mark.usefixtures("migrated")

REPORTS = (
    "BESTBUY_2020_10K.pdf",
    "BESTBUY_2021_10K.pdf",
    "Northbank-Water-annual-report-2021.pdf",
    "特別休假辦法.docx",
)
A20, A21, _, LEAVE = REPORTS


@pytest.fixture(autouse=True, params=[profiles.COVERS, 0], ids=["few", "many"])
def covers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Documents count as many from one on, or from hundreds on."""
    monkeypatch.setattr(addressed, "COVERS", request.param)
    return int(request.param)


def shelf(names: Sequence[str]) -> str:
    """A collection with documents that are called so."""
    collection = new_collection(new_id("shelf"))
    with writing() as session:
        for name in names:
            row = DocumentRow(
                id=new_id("doc"),
                collection_id=collection,
                name=name,
                media_type="text/plain",
                status=DocumentStatus.READY,
                current_version_id=new_id("ver"),
                created_at=0.0,
            )
            session.add(row)
            session.flush()
            profiles.note(session, collection, row.id, name)
    return collection


def spoken_of(question: str, names: Sequence[str] = REPORTS) -> list[str]:
    """Names, the one that is spoken of most first."""
    scope = Scope(shelf(names))
    with reading() as session:
        found = addressed.addressed(session, scope, len(names), question)
        listed = select(DocumentRow.current_version_id, DocumentRow.name)
        called = dict(session.execute(listed).all())
    return [called[version] for version in sorted(found, key=lambda key: -found[key])]


def test_a_name_without_blanks_is_found_by_its_words() -> None:
    assert set(spoken_of("What did Best Buy earn?")) == {A20, A21}


def test_the_year_tells_the_reports_of_one_company_apart() -> None:
    assert spoken_of("What did Best Buy earn in FY21?")[0] == A21
    assert spoken_of("What did Best Buy earn between FY2019 and FY2020?")[0] == A20


def test_a_year_alone_speaks_of_no_document() -> None:
    assert spoken_of("What happened in 2021?") == []


def test_a_number_in_a_question_is_no_document() -> None:
    notes = ["note-12.txt", "note-13.txt", "case-10482.txt"]
    assert spoken_of("Which 12 of them agreed?", notes) == []
    assert spoken_of("What was decided in case 10482?", notes) == ["case-10482.txt"]


def test_chinese_names_are_found() -> None:
    assert spoken_of("特別休假要幾天前申請？") == [LEAVE]


def test_one_document_alone_needs_no_preference() -> None:
    assert spoken_of("What did Best Buy earn?", REPORTS[:1]) == []


def test_what_very_many_are_called_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addressed, "COVERS", 0)
    monkeypatch.setattr(profiles, "MANY", 3)
    names = ["water-1.pdf", "water-2.pdf", "water-mains.pdf"]
    assert spoken_of("What of water?", names) == []
    assert spoken_of("What of water mains?", names) == ["water-mains.pdf"]


def test_an_erased_document_leaves_no_word_of_its_name() -> None:
    collection = shelf(REPORTS)
    with writing() as session:
        for one in session.scalars(select(DocumentRow.id)).all():
            library.erase(session, one)
        left = select(func.count()).where(NameWordRow.collection_id == collection)
        assert session.scalar(left) == 0


@pytest.mark.parametrize("covers", [profiles.COVERS], ids=["few"], indirect=True)
def test_what_a_cover_says_is_a_name_too_and_its_document_comes_first() -> None:
    office, collection = Office(), new_collection()
    text = "{} Incorporated\nTrading symbol {}\nThe mains of the company were renewed in May."
    for name, symbol in (("one", "ABCD"), ("two", "NBWA"), ("three", "XYZX")):
        read(office, collection, pdf(text.format(name, symbol)), f"{name}.pdf")
    question = "When were the mains of NBWA renewed?"
    found = find(Scope(collection), question, 3, office.tools.means)
    assert found.passages[0].document_name == "two.pdf"
    assert len(found.passages) == 3  # the others are not shut out
