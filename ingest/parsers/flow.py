"""Text without pages of its own, cut into pages.

Knows no format: parsers bring blocks (paragraphs, titles, table rows) in reading order.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.errors import EmptyDocument, TooManyPages
from ingest.spans import Heading, Page
from ingest.split import cuts

PAGE_SIZE = 3_000  #: characters, about a printed page
PAGE_BREAK = "\f"  #: inside a block's text: what follows begins a page

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text that should stay together. Its line ends belong to it."""

    text: str
    level: int = 0  #: of a heading, 1 is the outermost; 0: no heading
    title: str = ""


def clean(text: str) -> str:
    """Canonical text: `\\n` line ends, no zero bytes, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _SURROGATES.sub("\ufffd", text)


def paged(blocks: Iterable[Block], max_pages: int, size: int = PAGE_SIZE) -> Iterator[Page]:
    """Pages of about `size` characters; raises `TooManyPages`, or `EmptyDocument` at the end."""
    number = 0
    for sheet in _sheets(_pieces(blocks, size), size):
        text = "".join(block.text for block in sheet)
        if not text.strip():
            continue
        number += 1
        if number > max_pages:
            raise TooManyPages(limit=max_pages)
        yield Page(number, text, tuple(_headings(sheet)))
    if not number:
        raise EmptyDocument


def _pieces(blocks: Iterable[Block], size: int) -> Iterator[Block | None]:
    """Blocks of at most `size` characters; None begins a page."""
    for block in blocks:
        level, title = block.level, block.title
        for index, stretch in enumerate(clean(block.text).split(PAGE_BREAK)):
            if index:
                yield None
            for start, end in cuts(stretch, size):
                text = stretch[start:end]
                if not text.strip():
                    yield Block(text)
                    continue
                yield Block(text, level, title)
                level, title = 0, ""  # a title is where it begins


def _sheets(pieces: Iterable[Block | None], size: int) -> Iterator[list[Block]]:
    sheet: list[Block] = []
    length = 0
    for piece in pieces:
        if piece is None:
            yield sheet
            sheet, length = [], 0
            continue
        if length and length + len(piece.text.rstrip()) > size:
            kept = _trailing_titles(sheet)
            yield sheet[: len(sheet) - len(kept)]
            sheet, length = kept, sum(len(block.text) for block in kept)
        sheet.append(piece)
        length += len(piece.text)
    yield sheet


def _trailing_titles(sheet: list[Block]) -> list[Block]:
    """Headings at the end of a page: they go with what they head, unless they are the page."""
    first = len(sheet)
    while first and (sheet[first - 1].level or not sheet[first - 1].text.strip()):
        first -= 1
    return sheet[first:] if first and any(block.level for block in sheet[first:]) else []


def _headings(sheet: list[Block]) -> Iterator[Heading]:
    at = 0
    for block in sheet:
        if block.level:
            lead = len(block.text) - len(block.text.lstrip())
            yield Heading(at + lead, block.level, block.title)
        at += len(block.text)
