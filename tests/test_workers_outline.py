"""Sections: nothing is left out, none is too large, and an edit moves no more than it must."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.records import Version
from ingest.tables import ChunkRow
from workers.margins import bodies
from workers.outline import Section, coverage, own, sections

BUDGET = 60


def words(text: str) -> int:
    return len(text.split())


def cut(*paragraphs: tuple[str, str]) -> tuple[list[Section], dict[int, str]]:
    """Sections of (heading, text), each on a line of one page."""
    page, chunks = "", []
    for ordinal, (heading, text) in enumerate(paragraphs):
        begin = len(page)
        page += text + "\n"
        chunk = ChunkRow(ordinal=ordinal, page=1, char_start=begin, char_end=begin + len(text))
        chunk.heading = heading
        chunks.append(chunk)
    return sections(chunks, {1: page}, words, BUDGET, "name.txt"), {1: page}


def paragraph(name: str, length: int) -> str:
    return " ".join(f"{name}.{place}" for place in range(length))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 90)), min_size=1, max_size=40))
def test_every_word_is_in_one_section_and_none_is_too_large(
    made: list[tuple[str, int]],
) -> None:
    paragraphs = [
        (heading, paragraph(str(number), length)) for number, (heading, length) in enumerate(made)
    ]
    found, pages = cut(*paragraphs)
    texts = [section.text(pages) for section in found]
    assert "\n".join(texts).split() == " ".join(text for _, text in paragraphs).split()
    alone = {words(text) for _, text in paragraphs}
    assert all(words(text) <= BUDGET or words(text) in alone for text in texts)


def test_a_section_ends_where_the_highest_heading_does() -> None:
    headings = ["Guide › Leave"] * 3 + ["Guide › Pay", "Travel", "Travel › Rail"]
    found, _ = cut(*((heading, paragraph(str(n), 13)) for n, heading in enumerate(headings)))
    assert [section.title for section in found] == ["Guide › Leave", "Travel"]


def test_what_stands_under_no_heading_has_the_documents_name() -> None:
    (section,), _ = cut(("", "A few words."))
    assert section.title == "name.txt"


def test_an_edit_leaves_the_sections_behind_it_as_they_were() -> None:
    before = [("", paragraph(str(number), 12)) for number in range(120)]
    after = [*before[:10], ("", paragraph("new", 12)), *before[10:]]
    first, second = (
        {one.text(pages) for one in made} for made, pages in (cut(*before), cut(*after))
    )
    assert len(second - first) <= 4
    assert len(first) > 20


def test_what_runs_along_the_pages_is_in_no_section() -> None:
    said = ["Rain fell.", "Pumps stood.", "Dams held.", "Wells rose.", "Mains broke."]
    pages = {n: f"Annual report, page {n}\n{text}" for n, text in enumerate(said, start=1)}
    pages[6] = "Annual report, page 6"
    chunks = [
        ChunkRow(ordinal=n, page=n, char_start=0, char_end=len(text), heading="")
        for n, text in pages.items()
    ]
    within = bodies(pages)
    found = [own(each, within) for each in sections(chunks, pages, words, 7, "report.pdf")]
    assert [section and section.text(pages) for section in found] == [*said, None]
    version = Version("ver", "doc", 1, "0" * 64, 0, 6, 0, [], [], 0.0)
    told = coverage(chunks, pages, version, within)
    assert told["characters_read"] == len("".join(said).replace(" ", ""))
    assert told["characters_running"] == 6 * len("Annualreport,page1")
    assert told["characters_total"] == told["characters_read"] + told["characters_running"]
