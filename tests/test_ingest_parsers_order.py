"""Boxes on a picture become a text in reading order."""

from ingest.layout import Layout
from ingest.parsers.order import Seen, page_of


def seen(text: str, x: float, y: float, width: float | None = None, height: float = 10) -> Seen:
    return Seen(text, (x, y, x + (width or 6 * len(text)), y + height))


def test_rows_are_lines_and_gaps_are_paragraphs() -> None:
    page = page_of(1, [seen("second", 10, 24), seen("first", 10, 10), seen("third", 10, 60)],
                   300, 200)  # fmt: skip
    assert page.text == "first\nsecond\n\nthird"


def test_wide_gaps_in_a_row_part_cells_and_narrow_ones_words() -> None:
    page = page_of(1, [seen("12", 200, 11), seen("Net", 10, 10), seen("sales", 34, 9)], 300, 200)
    assert page.text == "Net sales | 12"


def test_a_left_column_is_read_before_the_right_one() -> None:
    left = [seen(f"left line {n} of some prose", 10, 40 + 14 * n, 200) for n in range(5)]
    right = [seen(f"right line {n} of more prose", 260, 40 + 14 * n, 200) for n in range(5)]
    title = seen("A title over both of the columns", 60, 10, 350)
    page = page_of(1, [*right, title, *left], 470, 200)
    lines = [line for line in page.text.split("\n") if line]
    assert lines == [title.text, *(one.text for one in left), *(one.text for one in right)]


def test_cells_of_a_table_are_no_columns() -> None:
    cells = [
        seen(text, x, 10 + 14 * row) for row in range(8) for text, x in (("name", 10), ("9", 300))
    ]
    page = page_of(1, cells, 400, 200)
    assert page.text == "\n".join(["name | 9"] * 8)


def test_large_lines_are_headings_where_they_stand() -> None:
    body = [seen(f"a line {n}", 10, 60 + 14 * n) for n in range(6)]
    page = page_of(1, [seen("Annual report", 10, 10, height=20), *body], 300, 200)
    (heading,) = page.headings
    assert (heading.char_start, heading.level, heading.title) == (0, 2, "Annual report")


def test_every_fragment_finds_its_words_and_its_box() -> None:
    page = page_of(1, [seen("甲乙丙丁", 10, 10, 40), seen("x", 100, 10, 10)], 300, 200)
    assert page.layout
    for fragment in page.layout.fragments:
        assert page.text[fragment.char_start : fragment.char_end] in ("甲乙丙丁", "x")
    assert page.layout.boxes(1, 3) == ((20, 10, 40, 20),)
    assert page.layout.boxes(0, len(page.text)) == ((10, 10, 50, 20), (100, 10, 110, 20))
    assert page.layout.boxes(4, 5) == ()
    assert Layout.of(page.layout.plain()) == page.layout


def test_nothing_seen_is_an_empty_page() -> None:
    page = page_of(3, [], 300, 200)
    assert (page.number, page.text, page.headings) == (3, "", ())
