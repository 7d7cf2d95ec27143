"""Chunks are indexed with the words that say where they stand."""

from ingest.context import OPENING, TITLE, indexed_text
from ingest.sniff import MARKDOWN, PDF
from ingest.spans import Passage

PAGE = "Northbank Water\nConsolidated Balance Sheets\n2022 2021\nMains 7 8\nTotal 15"


def indexed(text: str, heading: str = "", media_type: str = PDF, page: str = PAGE) -> str:
    start = page.index(text)
    passage = Passage(1, start, start + len(text), heading, text)
    return indexed_text(passage, page, media_type)


def test_the_rest_of_a_table_is_indexed_with_what_its_page_opens_with() -> None:
    assert "Balance Sheets" in indexed("Total 15")
    assert indexed("Total 15").endswith("\nTotal 15")


def test_the_first_chunk_of_a_page_opens_it_itself() -> None:
    assert indexed(PAGE) == PAGE


def test_flowing_text_has_its_titles_only() -> None:
    assert indexed("Total 15", "Report › Money", MARKDOWN) == "Report › Money\nTotal 15"


def test_on_a_sheet_the_nearest_title_is_enough() -> None:
    found = indexed("Total 15", "Report › Money")
    assert found.startswith("Money\nNorthbank Water")
    assert indexed(PAGE, "x" * 200).startswith("x" * TITLE + "\nNorth")


def test_an_opening_is_cut_between_words() -> None:
    page = "word " * 100 + "last"
    opening, own = indexed("last", page=page).split("\n")
    assert own == "last"
    assert len(opening) <= OPENING
    assert set(opening.split()) == {"word"}
    unbroken = indexed("終", page="長" * 400 + "終").split("\n")
    assert unbroken[0] == "長" * OPENING


def test_a_piece_of_a_table_has_its_header_row() -> None:
    start = PAGE.index("Mains")
    piece = Passage(1, start, start + 9, "Money", "Mains 7 8", context="What | 2022 | 2021")
    assert indexed_text(piece, PAGE, MARKDOWN) == "Money\nWhat | 2022 | 2021\nMains 7 8"
