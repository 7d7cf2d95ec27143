"""Passages keep every character, fit the limit and stay under their heading."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.spans import Heading, Page, Passage
from ingest.split import cuts, passages


def words(text: str) -> int:
    """A tokenizer that frames every text with two tokens, as sentence encoders do."""
    return 2 + len(re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", text))


def split(text: str, limit: int, *headings: Heading) -> list[Passage]:
    return list(passages([Page(1, text, headings)], words, limit))


TEXT = st.text(
    alphabet=st.sampled_from("ab Z9.?!。！？；…」』，、\n\n\t|\u3000\u2003😀字文é\"'-"),
    max_size=400,
)


@st.composite
def page_of_text(draw: st.DrawFn) -> Page:
    text = draw(TEXT)
    places = draw(st.lists(st.integers(0, max(len(text) - 1, 0)), max_size=4, unique=True))
    levels = st.integers(1, 4)
    return Page(1, text, tuple(Heading(at, draw(levels), f"h{at}") for at in sorted(places)))


@settings(max_examples=400, deadline=None)
@given(pages=st.lists(page_of_text(), max_size=3), limit=st.integers(1, 40), framed=st.booleans())
def test_every_character_is_in_exactly_one_passage(
    pages: list[Page], limit: int, framed: bool
) -> None:
    numbered = [Page(i, page.text, page.headings) for i, page in enumerate(pages, 1)]
    count = words if framed else len
    made = list(passages(numbered, count, limit))
    for page in numbered:
        mine = [one for one in made if one.page == page.number]
        covered = [at for one in mine for at in range(one.char_start, one.char_end)]
        assert covered == sorted(set(covered))
        bare = {at for at, char in enumerate(page.text) if not char.isspace()}
        assert bare <= set(covered)
    for one in made:
        assert one.text == numbered[one.page - 1].text[one.char_start : one.char_end]
        assert one.text == one.text.strip() != ""
        assert count(one.text) <= limit or len(one.text) == 1


@settings(max_examples=200, deadline=None)
@given(text=TEXT, size=st.integers(1, 50))
def test_cuts_cover_the_text_without_a_gap(text: str, size: int) -> None:
    spans = cuts(text, size)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(len(text[start:end].strip()) <= size for start, end in spans)


def test_paragraphs_are_kept_whole_and_small_ones_joined() -> None:
    made = split("one two three\n\nfour five\n\nsix seven eight nine ten", 7)
    assert [one.text for one in made] == ["one two three\n\nfour five", "six seven eight nine ten"]


def test_a_long_paragraph_is_cut_after_sentences() -> None:
    chinese = split("第一句話在此。第二句話也在此！「第三句在此。」第四句。", 10)
    assert [one.text for one in chinese] == [
        "第一句話在此。", "第二句話也在此！", "「第三句在此。」", "第四句。"
    ]  # fmt: skip
    english = split("Mr. Smith paid 3.5 dollars to J. Doe. He left. All was well then.", 12)
    assert [one.text for one in english] == [
        "Mr. Smith paid 3.5 dollars to J. Doe. He left.", "All was well then."
    ]  # fmt: skip


def test_wrapped_lines_are_cut_where_a_sentence_ends_before_anywhere_else() -> None:
    made = split("a b c\nd e.\nf g h\ni j.\n", 8)
    assert [one.text for one in made] == ["a b c\nd e.", "f g h\ni j."]


def test_rows_of_a_table_stay_whole() -> None:
    rows = [f"row {number} | {number * 7} | total" for number in range(40)]
    made = split("\n".join(rows), 30)
    assert len(made) > 5
    assert [line for one in made for line in one.text.split("\n")] == rows


def test_no_passage_crosses_a_heading_and_each_carries_its_path() -> None:
    text = "Guide\n\n1 Leave\nThree days.\n2 Pay\nMonthly.\nAnnex\nNone."
    headings = [
        Heading(text.index(title), level, title)
        for title, level in (("Guide", 1), ("1 Leave", 2), ("2 Pay", 2), ("Annex", 1))
    ]
    made = split(text, 100, *headings)
    assert [(one.heading, one.text) for one in made] == [
        ("Guide › 1 Leave", "Guide\n\n1 Leave\nThree days."),  # a bare title joins what it opens
        ("Guide › 2 Pay", "2 Pay\nMonthly."),
        ("Annex", "Annex\nNone."),
    ]


def test_the_path_is_carried_to_the_next_page() -> None:
    pages = [Page(1, "A\nx", (Heading(0, 1, "A"),)), Page(2, "y\nB\nz", (Heading(2, 2, "B"),))]
    made = list(passages(pages, words, 50))
    assert [(one.page, one.heading) for one in made] == [(1, "A"), (2, "A"), (2, "A › B")]


def test_an_endless_word_is_cut_hard() -> None:
    made = list(passages([Page(1, "x" * 1_000)], len, 64))
    assert "".join(one.text for one in made) == "x" * 1_000
    assert max(len(one.text) for one in made) == 64


def test_counting_is_rare() -> None:
    calls = 0

    def counted(text: str) -> int:
        nonlocal calls
        calls += len(text)
        return words(text)

    text = "\n\n".join("A sentence of seven words is here. " * 12 for _ in range(40))
    list(passages([Page(1, text)], counted, 60))
    assert calls < 5 * len(text)


@pytest.mark.parametrize("unit", ["." * 9, "!? ", "\n\n \n.", "。」", "a.\n", '. " ', "字"])
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    assert list(passages([Page(1, unit * 60_000)], len, 200))


def test_blank_pages_give_nothing() -> None:
    assert split(" \n\t \u3000", 10) == split("", 10) == []
