"""A document's text as statements: its sentences, and the rows of its tables.

What runs along all pages of a PDF (headers, footers, page numbers) is no statement, nor is a line
of a table of contents. A sentence that a page's end cuts in two is one statement with two parts.
Whatever stands in front to number it (`3.`, `(a)`, 第三條) is left out of the comparison: a clause
that moved down a place still says the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from workers.comparing.words import Sort, Word, words_of
from workers.margins import LINE, bodies
from workers.sentences import CLOSING, FULL_STOPS, sentence_spans

ROW_FIGURES = 2  #: at the end of a line that is a table's row
#: A line whose sentence goes on on the next page is at least so long; titles are shorter.
UNFINISHED = 20
SUBSTANCE = 2.0  #: what must be left of a statement that is worth comparing
CJK_WORD = 0.5  #: of a word, one character
SAYING = frozenset(Sort) - {Sort.FIGURE, Sort.LIGHT, Sort.CURRENCY}

_FIGURE = re.compile(r"[$€£¥(]*[-−–]?\d[\d,.]*[)%]*(?<!,)|[$(]?[—–-][)%]?|[$€£¥)%]+")
_CONTENTS = re.compile(r"(?:\.\s?){4,}\s*\w+\s*$|…{2,}\s*\w+\s*$")
_NUMBERING = re.compile(r"\(?\d{1,3}[.)、]")  # of the sentence that follows
_NUMERALS = "一二三四五六七八九十百"
_LABEL = re.compile(
    rf"""[#>*•‧●▪·\s-]*
    (?:
        \(?\d{{1,3}}(?:\.\d{{1,3}})*[.)、](?!\d)
      | \d{{1,3}}(?:\.\d{{1,3}})+\s+(?=[A-Z\u4e00-\u9fff])(?![千萬億兆元年月日個])
      | [（(](?:[{_NUMERALS}]{{1,3}}|\d{{1,3}}|[a-zA-Z]|[ivxIVX]{{1,5}})[)）]
      | [{_NUMERALS}]{{1,3}}、
      | 第\s*[{_NUMERALS}\d]{{1,5}}\s*[條条章節节款項项](?=[\s：:])[：:]?
      | (?:Article|Section|Item|ARTICLE|SECTION|ITEM)\s+\d+[A-Za-z]?(?:\.\d+)*[.:]
    )?\s*(?=[^\W\d])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A place on one page: code points of its text, end exclusive."""

    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence or a row of a table."""

    parts: tuple[Part, ...]  #: one on each page it stands on
    text: str  #: as it stands there
    heading: str  #: the title it stands under
    chunk: int  #: ordinal of the chunk it begins in
    words: tuple[Word, ...]  #: without what numbers it
    key: str  #: the same for all that say the same in the same words

    @property
    def said(self) -> float:
        """How many words it has that say something; a CJK character is half a word."""
        return sum(CJK_WORD if one.cjk else 1.0 for one in self.words if one.sort in SAYING)

    @property
    def figures(self) -> int:
        """How many figures it holds."""
        return sum(one.sort is Sort.FIGURE for one in self.words)

    @property
    def quotes(self) -> tuple[str, ...]:
        """The words of each part, exactly as they stand on its page."""
        begin, found = 0, []
        for part in self.parts:
            end = begin + part.end - part.start
            found.append(self.text[begin:end])
            begin = end + 1
        return tuple(found)

    @property
    def place(self) -> tuple[int, int]:
        """Where it begins: page and code point."""
        return self.parts[0].page, self.parts[0].start


Heading = Callable[[int, int], tuple[int, str]]  #: page, code point → ordinal of chunk, title


def statements(
    pages: Mapping[int, str],
    heading: Heading,
    *,
    printed: bool,
    check: Callable[[], None] = lambda: None,
) -> list[Statement]:
    """Every statement in reading order.

    `printed`: the pages are those of the file itself. `check` is called for each page of the text
    and may raise.
    """
    within = bodies(pages) if printed else {n: (0, len(text)) for n, text in pages.items()}
    found = []
    for parts in _joined(_parts(pages, within, check), pages):
        text = "\n".join(pages[part.page][part.start : part.end] for part in parts)
        chunk, title = heading(parts[0].page, parts[0].start)
        words = _words(text)
        made = Statement(parts, text, title, chunk, words, key_of(words))
        if made.said and made.said + made.figures >= SUBSTANCE and not _CONTENTS.search(text):
            found.append(made)
    return found


def key_of(words: Iterable[Word]) -> str:
    """What statements share that differ in nothing but width, case, spacing and light words."""
    return " ".join(word.form for word in words if word.sort is not Sort.LIGHT)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the sentences and rows of a page's text."""
    begin = 0
    for line in LINE.finditer(text):
        row = line.group()
        if _is_row(row):
            yield from _sentences(text, begin, line.start())
            yield line.end() - len(row.lstrip()), line.start() + len(row.rstrip())
            begin = line.end()
    yield from _sentences(text, begin, len(text))


def _sentences(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    if text[begin:end].strip():
        for start, stop in sentence_spans(text[begin:end]):
            yield begin + start, begin + stop


def _is_row(line: str) -> bool:
    """Cells between bars, or a line that ends in two figures or more."""
    if " | " in line or line.lstrip().startswith("|"):
        return True
    figures = 0
    for cell in reversed(line.split()):
        if _FIGURE.fullmatch(cell) is None:
            break
        figures += any(sign.isdigit() or sign in "—–" for sign in cell)
    return figures >= ROW_FIGURES


def _parts(
    pages: Mapping[int, str], within: Mapping[int, tuple[int, int]], check: Callable[[], None]
) -> Iterator[Part]:
    for number in sorted(pages):
        check()
        begin, end = within[number]
        for start, stop in spans(pages[number][begin:end]):
            yield Part(number, begin + start, begin + stop)


def _joined(parts: Iterable[Part], pages: Mapping[int, str]) -> Iterator[tuple[Part, ...]]:
    """Figures without a word go with what stands before them, and halves of a sentence together."""
    held: tuple[Part, ...] = ()
    for part in parts:
        text = _text(pages, part)
        if _NUMBERING.fullmatch(text) or not any(sign.isalnum() for sign in text):
            continue
        last = held[-1] if held else None
        if last and last.page == part.page and not any(sign.isalpha() for sign in text):
            held = (*held[:-1], Part(last.page, last.start, part.end))
        elif last and last.page == part.page - 1 and _goes_on(_text(pages, last), text):
            held = (*held, part)
        else:
            if held:
                yield held
            held = (part,)
    if held:
        yield held


def _text(pages: Mapping[int, str], part: Part) -> str:
    return pages[part.page][part.start : part.end]


def _goes_on(before: str, after: str) -> bool:
    """Whether a page begins in the middle of the sentence that the one before ended with."""
    if before.rstrip(CLOSING).endswith(FULL_STOPS) or _is_row(before) or _is_row(after):
        return False
    wide = "\u4e00" <= after[0] <= "\u9fff" and "\u4e00" <= before[-1] <= "\u9fff"
    return len(before) >= UNFINISHED and (after[0].islower() or wide)


def _words(text: str) -> tuple[Word, ...]:
    label = _LABEL.match(text)
    begin = label.end() if label else 0
    return tuple(word for word in words_of(text) if word.start >= begin)
