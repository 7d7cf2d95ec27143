"""Boxes of text on a picture become a text in reading order, with the place of each.

Fragments of one height are a row; where two columns of prose stand side by side, the left one is
read first. Wide gaps in a row part cells, large rows are headings. Knows no OCR.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from ingest.layout import Box, Fragment, Layout
from ingest.spans import Heading, Page

CELL = " | "
_WIDE_GAP = 2.0  #: heights of a row between fragments that are cells
_PARAGRAPH_GAP = 0.9  #: heights between rows that are paragraphs
_LARGE = 1.4  #: times the usual height
_LONGEST_TITLE = 100
_MIDDLE = (0.35, 0.65)  #: of the width: where a gutter may be
_PROSE = 0.3  #: of the width: fragments of columns are at least so wide, those of tables are not
_FEWEST_ROWS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """A piece of text and the box around it."""

    text: str
    box: Box

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> float:
        return (self.box[1] + self.box[3]) / 2


def page_of(number: int, seen: Sequence[Seen], width: float, height: float) -> Page:
    """The page whose text is what was seen."""
    usual = median([one.height for one in seen]) if seen else 0.0
    text, fragments, headings = "", list[Fragment](), list[Heading]()
    above: list[Seen] = []
    for row in _rows(seen, width):
        if above:
            gap = min(one.box[1] for one in row) - max(one.box[3] for one in above)
            text += "\n\n" if gap > _PARAGRAPH_GAP * usual or gap < -usual else "\n"
        start = len(text)
        for index, one in enumerate(row):
            if index:
                apart = one.box[0] - row[index - 1].box[2]
                text += CELL if apart > _WIDE_GAP * one.height else " "
            fragments.append(Fragment(len(text), len(text) + len(one.text), one.box))
            text += one.text
        if len(row) == 1 and row[0].height > _LARGE * usual and len(row[0].text) <= _LONGEST_TITLE:
            headings.append(Heading(start, _level(row[0].height / usual), row[0].text.strip()))
        above = row
    return Page(number, text, tuple(headings), (), Layout(width, height, tuple(fragments)))


def _level(ratio: float) -> int:
    return 1 if ratio >= 2.2 else 2 if ratio >= 1.7 else 3


def _rows(seen: Sequence[Seen], width: float) -> Iterator[list[Seen]]:
    for part in _columns(seen, width):
        row: list[Seen] = []
        for one in sorted(part, key=lambda one: one.middle):
            if row and abs(one.middle - row[0].middle) > 0.5 * min(one.height, row[0].height):
                yield sorted(row, key=lambda each: each.box[0])
                row = []
            row.append(one)
        if row:
            yield sorted(row, key=lambda each: each.box[0])


def _columns(seen: Sequence[Seen], width: float) -> Iterator[list[Seen]]:
    """What is read one after the other: bands between lines that cross the gutter, in columns."""
    gutter = _gutter(seen, width)
    if gutter is None:
        yield list(seen)
        return
    band: list[Seen] = []
    for one in sorted(seen, key=lambda one: one.middle):
        if one.box[0] < gutter < one.box[2]:
            yield from _sides(band, gutter)
            yield [one]
            band = []
        else:
            band.append(one)
    yield from _sides(band, gutter)


def _sides(band: Sequence[Seen], gutter: float) -> Iterator[list[Seen]]:
    yield [one for one in band if one.box[2] <= gutter]
    yield [one for one in band if one.box[2] > gutter]


def _gutter(seen: Sequence[Seen], width: float) -> float | None:
    """Where a page of two columns of prose is parted; None for any other page."""
    wide = [one for one in seen if _PROSE * width <= one.box[2] - one.box[0] <= width / 2]
    left = [one for one in wide if one.box[2] <= _MIDDLE[1] * width]
    right = [one for one in wide if one.box[0] >= _MIDDLE[0] * width]
    if min(len(left), len(right)) < _FEWEST_ROWS:
        return None
    edge = max(one.box[2] for one in left)
    far = min(one.box[0] for one in right)
    gutter = (edge + far) / 2
    crossing = sum(one.box[0] < gutter < one.box[2] for one in seen)
    return gutter if edge < far and crossing < len(seen) / 4 else None
