"""Pages become passages: the parts of a text that are small enough to index and to quote.

A passage never crosses a page, nor a heading (but a title with nothing under it stays with the
first section it opens). Where a section is too long it is cut at the best place there is: between
paragraphs, then after a line that ends a sentence, then after any line (so table rows stay
whole), then after a sentence, and only then inside one.

Knows no tokenizer: whoever calls brings the function that counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ingest.spans import Heading, Page, Passage

SEPARATOR = " › "
LONGEST_CONTEXT = 200  #: characters of a header row that go with each piece of its table

_CLOSERS = "」』”’）》】\"')\\]"
#: Places to cut after, best first. Each is linear: no part of a match can start twice.
_BREAKS = (
    re.compile(r"\n[^\S\n]*\n\s*"),
    re.compile(rf"(?<=[。！？；…：.!?;:])[{_CLOSERS}]*[^\S\n]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(
        rf"(?<![。！？；…])[。！？；…]+[{_CLOSERS}]*\s*"
        r"|(?<![.!?])(?<!\b[A-Z])(?<!\b(?:Mr|Ms|Dr|No|vs|cf))(?<!\b(?:Mrs|Fig|Art|Sec))"
        rf"[.!?]+[{_CLOSERS}]*\s+(?![a-z])"
    ),
)
_WORD_END = re.compile(r"[\s，、：,]")


@dataclass(frozen=True, slots=True)
class _Part:
    start: int
    end: int
    tokens: int


def passages(
    pages: Iterable[Page], count_tokens: Callable[[str], int], limit: int
) -> Iterator[Passage]:
    """Cut `pages` into passages of at most `limit` tokens, in reading order.

    Every character that is not white space is in exactly one passage. Only a single character
    that counts for more than `limit` tokens makes a passage that is too long.
    """
    path: list[Heading] = []
    for page in pages:
        cutter = _Cutter(page.text, count_tokens, limit)
        for start, end, opened in _sections(page):
            for heading in opened:
                path = [*(above for above in path if above.level < heading.level), heading]
            for part in cutter.cut(start, end):
                text = page.text[part.start : part.end]
                begin = part.start + len(text) - len(text.lstrip())
                if text := text.strip():
                    title = SEPARATOR.join(heading.title for heading in path)
                    context = _context(page, begin)
                    yield Passage(page.number, begin, begin + len(text), title, text, context)


def cuts(text: str, size: int) -> list[tuple[int, int]]:
    """Spans of at most `size` characters that cover `text` without a gap, cut as passages are."""
    parts = _Cutter(text, len, size).cut(0, len(text))
    return [(part.start, part.end) for part in parts]


def _context(page: Page, at: int) -> str:
    """The header row of the table whose rows `at` is among."""
    within = (table for table in page.tables if table.char_start <= at < table.char_end)
    return next((table.header[:LONGEST_CONTEXT] for table in within), "")


def _sections(page: Page) -> Iterator[tuple[int, int, list[Heading]]]:
    """Start, end and opening headings of each part of a page that lies under one heading."""
    start = 0
    opened: list[Heading] = []
    for heading in sorted(page.headings, key=lambda heading: heading.char_start):
        between = page.text[start : heading.char_start]
        bare = opened and between.strip() == page.text[start : _line_end(page, opened)].strip()
        if between.strip() and not (bare and heading.level > opened[-1].level):
            yield start, heading.char_start, opened
            start, opened = heading.char_start, []
        opened.append(heading)
    yield start, len(page.text), opened


def _line_end(page: Page, opened: list[Heading]) -> int:
    """Where the title of the last heading ends: a title may run over several lines."""
    at = opened[-1].char_start
    for word in opened[-1].title.split():
        found = page.text.find(word, at, at + len(word) + 200)
        if found < 0:
            break
        at = found + len(word)
    line = page.text.find("\n", at)
    return line if line >= 0 else len(page.text)


class _Cutter:
    """Cuts spans of one text so that each part holds at most `limit` tokens."""

    def __init__(self, text: str, count: Callable[[str], int], limit: int) -> None:
        self._text = text
        self._count = count
        self._limit = limit
        self._frame = count("")  # what the tokenizer adds around every text

    def cut(self, start: int, end: int) -> list[_Part]:
        """Parts that cover the span without a gap."""
        return self._fitted(self._part(start, end), 0)

    def _part(self, start: int, end: int) -> _Part:
        return _Part(start, end, self._count(self._text[start:end].strip()))

    def _fitted(self, part: _Part, depth: int) -> list[_Part]:
        if part.tokens <= self._limit:
            return [part]
        if depth == len(_BREAKS):
            return list(self._chopped(part))
        found = _BREAKS[depth].finditer(self._text, part.start, part.end)
        places = [part.start, *(match.end() for match in found), part.end]
        edges = [(start, end) for start, end in pairwise(places) if start < end]
        if len(edges) == 1:
            return self._fitted(part, depth + 1)
        fitted: list[_Part] = []
        for start, end in edges:
            fitted += self._fitted(self._part(start, end), depth + 1)
        return list(self._merged(fitted))

    def _merged(self, parts: list[_Part]) -> Iterator[_Part]:
        """Join neighbours while they fit. Sums decide; each joined part is counted but once."""
        first = 0
        while first < len(parts):
            last, total = first, parts[first].tokens
            while last + 1 < len(parts):
                total += parts[last + 1].tokens - self._frame
                if total > self._limit:
                    break
                last += 1
            joined = parts[first]
            while last > first:
                joined = self._part(joined.start, parts[last].end)
                if joined.tokens <= self._limit:
                    break
                last -= 1  # a join may cost a token more than its parts
                joined = parts[first]
            yield joined
            first = last + 1

    def _chopped(self, part: _Part) -> Iterator[_Part]:
        """Cut where no good place is left, at the end of a word when one is near."""
        start = part.start
        size = max(1, (part.end - part.start) * self._limit // part.tokens)
        while start < part.end:
            piece = self._part(start, self._word_end(start, min(start + size, part.end), part.end))
            while piece.tokens > self._limit and piece.end - piece.start > 1:
                length = piece.end - piece.start
                shorter = min(length - 1, length * self._limit // piece.tokens)
                end = self._word_end(start, start + max(1, shorter), part.end)
                piece = self._part(start, end)
            yield piece
            start = piece.end

    def _word_end(self, start: int, end: int, stop: int) -> int:
        if end >= stop:
            return stop
        for at in range(end, (start + end) // 2, -1):
            if _WORD_END.match(self._text, at - 1):
                return at
        return end
