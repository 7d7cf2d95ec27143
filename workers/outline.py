"""Cutting a document into sections along its own structure, and what that covers.

A section ends where the document ends something: of the places that leave it nearly full, the one
under the highest heading, and among equals one chosen by the words that follow there. So two
versions of a document are cut at the same places a little after where they differ (content-defined
chunking: Muthitacharoen et al., "A Low-bandwidth Network File System", 2001), and what was written
about a section of the first is still true of the second.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ingest.records import Version
from ingest.split import SEPARATOR
from ingest.tables import ChunkRow

#: A section may end once it is so full. Fuller sections are fewer, emptier ones find better ends.
NEARLY_FULL = 2 / 3
JOINT = "\n"  #: between the parts of a section
SPACING = 2  #: tokens between two chunks


#: Where the own text of a page begins and ends; a page that is not in it is all its own.
Within = Mapping[int, tuple[int, int]]
EVERYWHERE: Within = {}


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive chunks that are summarised together."""

    title: str
    first_page: int
    last_page: int
    parts: tuple[tuple[int, int, int], ...]  #: (page, char_start, char_end)
    tokens: int  #: of its text

    def text(self, pages: Mapping[int, str]) -> str:
        """Its text, out of that of its pages."""
        return text_of(self.parts, pages)


@dataclass(frozen=True, slots=True)
class _Piece:
    chunk: ChunkRow
    text: str
    tokens: int


def sections(
    chunks: Sequence[ChunkRow],
    pages: Mapping[int, str],
    count_tokens: Callable[[str], int],
    budget: int,
    name: str,
) -> list[Section]:
    """Sections of at most `budget` tokens that hold every chunk; a larger chunk stands alone.

    `name` is the title of what stands under no heading.
    """
    texts = [pages[chunk.page][chunk.char_start : chunk.char_end] for chunk in chunks]
    pieces = [
        _Piece(chunk, text, count_tokens(text) + SPACING)
        for chunk, text in zip(chunks, texts, strict=True)
    ]
    begin, found = 0, []
    while begin < len(pieces):
        end = _end(pieces, begin, budget)
        found.append(_section(pieces[begin:end], name))
        begin = end
    return found


def own(section: Section, within: Within) -> Section | None:
    """The section without what runs along its pages; None if there is nothing else in it."""
    parts = tuple((page, *_clipped(page, start, end, within)) for page, start, end in section.parts)
    kept = tuple(part for part in parts if part[1] < part[2])
    return replace(section, parts=kept) if kept else None


def text_of(parts: Sequence[Sequence[int]], pages: Mapping[int, str]) -> str:
    """The text of (page, char_start, char_end)."""
    return JOINT.join(pages[page][start:end] for page, start, end in parts)


def spans_of(
    parts: Sequence[Sequence[int]], start: int, end: int
) -> Iterator[tuple[int, int, int]]:
    """Where a place of `text_of(parts)` stands: (page, char_start, char_end), by page."""
    begin = 0
    for page, char_start, char_end in parts:
        length = char_end - char_start
        first, last = max(start - begin, 0), min(end - begin, length)
        if first < last:
            yield page, char_start + first, char_start + last
        begin += length + len(JOINT)


def coverage(
    chunks: Sequence[ChunkRow],
    pages: Mapping[int, str],
    version: Version,
    within: Within = EVERYWHERE,
) -> dict[str, Any]:
    """Which pages are read, and how; and how many of the characters that are no white space.

    What runs along, outside of `within`, is left out and counted.
    """
    held = [(chunk.page, chunk.char_start, chunk.char_end) for chunk in chunks]
    own = [(page, *_clipped(page, start, end, within)) for page, start, end in held]
    read = sum(_visible(pages[page][start:end]) for page, start, end in own)
    return {
        "pages_total": len(pages),
        "pages_read": list(_ranges(sorted({chunk.page for chunk in chunks}))),
        "pages_empty": version.empty_pages,
        "pages_ocr": version.ocr_pages,
        "characters_total": sum(map(_visible, pages.values())),
        "characters_read": read,
        "characters_running": sum(_visible(pages[p][start:end]) for p, start, end in held) - read,
    }


def _end(pieces: Sequence[_Piece], begin: int, budget: int) -> int:
    end, weight, places = begin + 1, pieces[begin].tokens, list[int]()
    while end < len(pieces) and weight + pieces[end].tokens <= budget:
        if weight >= NEARLY_FULL * budget:
            places.append(end)
        weight += pieces[end].tokens
        end += 1
    if end == len(pieces):
        return end
    return min((*places, end), key=lambda place: _reluctance(pieces[place - 1], pieces[place]))


def _reluctance(before: _Piece, after: _Piece) -> tuple[int, bytes]:
    """How much of the structure a cut between the two would break, then something fixed."""
    above, below = (piece.chunk.heading.split(SEPARATOR) for piece in (before, after))
    common = next((n for n, pair in enumerate(zip(above, below)) if pair[0] != pair[1]), None)  # noqa: B905 - of different depth
    depth = len(above) + 1 if above == below else min(len(above), len(below))
    return depth if common is None else common, hashlib.sha256(after.text.encode()).digest()


def _section(pieces: Sequence[_Piece], name: str) -> Section:
    parts = []
    for page, group in groupby((piece.chunk for piece in pieces), key=lambda chunk: chunk.page):
        on_page = list(group)
        parts.append((page, on_page[0].char_start, on_page[-1].char_end))
    title = next((piece.chunk.heading for piece in pieces if piece.chunk.heading), name)
    tokens = sum(piece.tokens for piece in pieces)
    return Section(title, parts[0][0], parts[-1][0], tuple(parts), tokens)


def _clipped(page: int, start: int, end: int, within: Within) -> tuple[int, int]:
    first, last = within.get(page, (start, end))
    return max(start, first), max(min(end, last), start, first)


def _ranges(pages: Sequence[int]) -> Iterator[list[int]]:
    """First and last of the runs of consecutive numbers."""
    for _, run in groupby(enumerate(pages), key=lambda each: each[1] - each[0]):
        numbers = [page for _, page in run]
        yield [numbers[0], numbers[-1]]


def _visible(text: str) -> int:
    return sum(not character.isspace() for character in text)
