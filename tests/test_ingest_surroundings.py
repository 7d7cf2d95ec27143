"""A passage is shown with what stands around it, and nothing is shown twice."""

from itertools import pairwise

import pytest
from conftest import forget_settings
from fakes import Office, new_collection, prose, read

from ingest.database import reading
from ingest.passages import Found, passages_of
from ingest.surroundings import surrounded
from ingest.tables import PageRow

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture(autouse=True)
def a_paragraph_is_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_CHUNK_TOKENS", "70")
    forget_settings()


REPORT = f"# Harbour\n\n{prose(9)}\n\n# Archive\n\n{prose(3, topic='archive')}\n"


def read_report() -> list[Found]:
    """Its passages, in reading order."""
    return passages_of(read(Office(), new_collection(), REPORT.encode(), "report.md").id)


def widened(*found: Found) -> list[Found]:
    with reading() as session:
        return list(surrounded(session, found))


def test_a_passage_comes_with_the_one_before_and_the_one_behind_it() -> None:
    chunks = read_report()
    second = chunks[1]
    (wide,) = widened(second)
    assert (wide.chunk_id, wide.score) == (second.chunk_id, second.score)
    assert (wide.char_start, wide.char_end) == (chunks[0].char_start, chunks[2].char_end)
    with reading() as session:
        page = session.get_one(PageRow, (wide.version_id, wide.page)).text
    assert wide.text == page[wide.char_start : wide.char_end]
    assert second.text in wide.text


def test_a_heading_and_a_page_are_borders() -> None:
    chunks = read_report()
    for before, after in pairwise(chunks):
        if (before.page, before.heading) != (after.page, after.heading):
            assert widened(before)[0].char_end == before.char_end
            assert widened(after)[0].char_start == after.char_start


def test_what_was_taken_in_does_not_come_again() -> None:
    chunks = read_report()
    order = [chunks[2], chunks[1], chunks[3], chunks[0], *chunks[4:]]
    shown = widened(*order)
    assert [one.chunk_id for one in shown[:2]] == [chunks[2].chunk_id, chunks[0].chunk_id]
    spans = sorted((one.page, one.char_start, one.char_end) for one in shown)
    assert all(a[0] < b[0] or a[2] <= b[1] for a, b in pairwise(spans))
    assert all(any(chunk.text in one.text for one in shown) for chunk in chunks)


def test_what_is_gone_meanwhile_is_left_out() -> None:
    gone = Found("no_chunk", "", "", "no_version", 1, 0, 1, "", "x", 0.0, None, None)
    assert widened(gone) == []
    assert widened() == []
