"""Where a PDF has its headings: in its outline, else in lines set larger than the rest.

Knows pdfium's pages and text pages, and nothing of how the text is made.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from pypdfium2 import PdfDocument, PdfiumError, PdfTextPage

from ingest.spans import Heading

_MOST_BOOKMARKS = 10_000
_LONGEST_TITLE = 160
_LARGER = 1.15  #: a title's line is this much higher than the body's
_FULL_PAGE = 400  #: characters from which a page shows by itself what its body is


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str
    height: int  #: tenths of a point


def outline(document: PdfDocument) -> dict[int, list[Heading]]:
    """The bookmarks by page index, not yet located on their pages."""
    found: dict[int, list[Heading]] = {}
    for bookmark in islice(document.get_toc(), _MOST_BOOKMARKS):
        destination = bookmark.get_dest()
        index = destination.get_index() if destination else None
        title = " ".join(bookmark.get_title().split())[:_LONGEST_TITLE]
        if index is not None and title:
            found.setdefault(index, []).append(Heading(0, bookmark.level + 1, title))
    return found


def located(headings: list[Heading], text: str) -> Iterator[Heading]:
    """Each bookmark where its words stand on the page, else at the one before or the page's top.

    White space and case are ignored: bookmarks are seldom broken as the page is.
    """
    places = [at for at, char in enumerate(text) if not char.isspace() and len(char.lower()) == 1]
    dense = "".join(text[at] for at in places).lower()
    start = after = 0
    for heading in headings:
        wanted = "".join(heading.title.split()).lower()
        found = dense.find(wanted, after)
        if found >= 0:
            start, after = places[found], found + len(wanted)
        yield Heading(start, heading.level, heading.title)


def large_lines(
    textpage: PdfTextPage, text: str, indices: list[int], sizes: Counter[int]
) -> Iterator[Heading]:
    """Lines clearly larger than the body of this page and of the pages before.

    `indices` are pdfium's of the characters of `text`; `sizes` learns how much text of which
    height there is. The height is that of the font's box on the page, for the nominal size may
    be scaled. Neighbours of one height are one title, or no title if they are too long for one.
    """
    lines = list(_lines(textpage, text, indices))
    here: Counter[int] = Counter()
    for line in lines:
        here[line.height] += len(line.text)
    sizes.update(here)
    body = _most(sizes)
    if len(text) >= _FULL_PAGE:
        body = max(body, _most(here))
    for height, neighbours in groupby(lines, key=lambda line: line.height):
        group = list(neighbours)
        title = " ".join(line.text for line in group)
        short = len(title) <= _LONGEST_TITLE and any(char.isalpha() for char in title)
        if short and height > _LARGER * body > 0:
            yield Heading(group[0].start, _level(height / body), title)


def _lines(textpage: PdfTextPage, text: str, indices: list[int]) -> Iterator[_Line]:
    at = 0
    for line in text.split("\n"):
        if bare := line.strip():
            start = at + len(line) - len(line.lstrip())
            yield _Line(start, " ".join(bare.split()), _height(textpage, indices[start]))
        at += len(line) + 1


def _most(sizes: Counter[int]) -> int:
    return max(sizes, key=lambda size: sizes[size], default=0)


def _level(ratio: float) -> int:
    return 1 if ratio >= 1.6 else 2 if ratio >= 1.35 else 3


def _height(textpage: PdfTextPage, index: int) -> int:
    try:
        _, bottom, _, top = textpage.get_charbox(index, loose=True)
    except PdfiumError:
        return 0
    return int(10 * (top - bottom) + 0.5)
