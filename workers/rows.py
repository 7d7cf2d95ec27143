"""Rows of statements that hold what a question about accounts asks for, or is computed from.

A working capital ratio is printed nowhere; the two totals it is made of are. No sentence says so,
and what a sentence shares with the question would lead to any line but these. So the rows are
found by the names that such lines are printed under.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.accounting import lines_of
from ingest.lines import Line
from ingest.passages import Found
from ingest.query import understand
from ingest.words import STOP, words
from workers.citations import Place
from workers.orders import gives_orders

LINE = re.compile(r"[^\n]+")
#: What a row ends with: figures, dashes for none, and the signs around them.
FIGURE = re.compile(r"[|$€£¥(—–-]*\d[\d,]*(?:\.\d+)?[%)|]*|[|$€£¥()%—–-]+")
#: Before a label in Taiwan's statements: the code of its account.
CODE = re.compile(r"^[|\s]*\d{2,4}[xX]*[|\s]+")
YEAR = re.compile(r"[|(]*(?:19|20)\d\d[)|]*")
ASIDE = re.compile(r"\([^)]*\)?")
LONGEST_LINE = 200
#: What stands before or behind a line's name and is none of it.
QUALIFIERS = frozenset({"total", "net", "consolidated", "less", "plus"})
MOST_MORE = 6  #: words that a label may hold besides a name of several
NOT_FIGURES = re.compile(r"\b(?:which|who|whose|why|where)\b[^.?]*\?", re.IGNORECASE)
WHOLE = 0.6  #: score of rows that lack none of the lines

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    place: Place
    label: Words


def about_accounts(question: str) -> bool:
    """Whether it asks for a figure of accounts."""
    return bool(understand(question).cue) and NOT_FIGURES.search(question) is None


def rows_of(question: str, evidence: Sequence[Found]) -> tuple[float, tuple[Place, ...]]:
    """The rows of the lines that are asked for, after their score.

    It is 0 … WHOLE: the share of the lines that were found.
    """
    rows = [row for passage in evidence for row in _rows(passage)]
    lines = lines_of(question)
    found = (
        [_best(line, rows) for line in lines]
        if lines
        else [_named(understand(question).words, rows)]
    )
    there = [place for place in found if place is not None]
    return round(WHOLE * len(there) / len(found), 4), tuple(dict.fromkeys(there))


def _rows(passage: Found) -> Iterator[_Row]:
    ordering = gives_orders(passage.text)
    for line in LINE.finditer(passage.text):
        text = line[0].strip()
        label = _label(text)
        if label and not (ordering and gives_orders(text)):
            start = line.start() + line[0].index(text)
            yield _Row(Place(passage, start, start + len(text)), label)


def _label(line: str) -> Words:
    """The words before the figures that a line ends with; none where it ends with none."""
    words_before = line.split() if len(line) <= LONGEST_LINE else []
    figures: list[str] = []
    while words_before and FIGURE.fullmatch(words_before[-1]):
        figures.append(words_before.pop())
    told = [figure for figure in figures if any(map(str.isdigit, figure))]
    if not told or all(YEAR.fullmatch(figure) for figure in told):
        return ()
    return _telling(ASIDE.sub(" ", CODE.sub("", " ".join(words_before))))


def _best(line: Line, rows: Sequence[_Row]) -> Place | None:
    """The row whose label says least besides the line's name; of equals, in the best passage."""
    names = [_telling(name) for name in line]
    more = [(min(_more(row.label, name) for name in names), row) for row in rows]
    least, best = min(more, key=lambda each: each[0], default=(MOST_MORE + 1, None))
    return best.place if best is not None and least <= MOST_MORE else None


def _more(label: Words, name: Words) -> int:
    """How many words a label holds besides the name that it begins with; too many without one."""
    bare = list(label)
    while bare and bare[0] in QUALIFIERS and bare[0] != name[0]:
        del bare[0]
    while len(bare) > len(name) and bare[-1] in QUALIFIERS:
        del bare[-1]
    rest = iter(bare)
    if not bare or bare[0] != name[0] or not all(word in rest for word in name):
        return MOST_MORE + 1
    more = len(bare) - len(name)
    return more if len(name) > 1 or not more else MOST_MORE + 1


def _named(asked: Sequence[str], rows: Sequence[_Row]) -> Place | None:
    """The row with the longest label that the question says whole."""
    said = frozenset(asked) | QUALIFIERS
    whole = [
        row for row in rows if said.issuperset(row.label) and not QUALIFIERS.issuperset(row.label)
    ]
    best = max(whole, key=lambda row: len(row.label), default=None)
    return best.place if best is not None else None


def _telling(label: str) -> Words:
    return tuple(word for word in words(label) if word not in STOP)
