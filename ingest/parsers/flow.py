"""Text without pages of its own, cut into pages.

Knows no format: parsers bring blocks (paragraphs, titles, table rows) in reading order.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from ingest.errors import EmptyDocument, TooManyPages
from ingest.spans import Heading, Page, Table
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
    header: str = ""  #: of a table's row: the row that heads it, as one line
    repeat: bool = False  #: whether a page that begins with it begins with its header again


def clean(text: str) -> str:
    """Canonical text: `\\n` line ends, no zero bytes, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _SURROGATES.sub("\ufffd", text)


def table_blocks(rows: Iterable[str]) -> Iterator[Block]:
    """The rows of a table, given as lines with ` | ` between the cells; the first heads them."""
    header = ""
    for row in rows:
        yield Block(row + "\n", header=header)
        header = header or header_of(row)
    yield Block("\n")


def header_of(row: str) -> str:
    """The row as the header of those that follow; nothing if it names no several columns."""
    cells = row.strip(PAGE_BREAK).split(" | ")
    return row.strip(PAGE_BREAK) if sum(bool(cell.strip()) for cell in cells) > 1 else ""


def paged(blocks: Iterable[Block], max_pages: int, size: int = PAGE_SIZE) -> Iterator[Page]:
    """Pages of about `size` characters; raises `TooManyPages`, or `EmptyDocument` at the end."""
    number = 0
    for sheet in _sheets(_pieces(blocks, size), size):
        if not any(block.text.strip() for block in sheet):
            continue
        number += 1
        if number > max_pages:
            raise TooManyPages(limit=max_pages)
        yield page_of(number, sheet)
    if not number:
        raise EmptyDocument


def page_of(number: int, blocks: list[Block]) -> Page:
    """One page of all these blocks."""
    text = "".join(block.text for block in blocks)
    return Page(number, text, tuple(_headings(blocks)), tuple(_tables(blocks)))


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
                yield replace(block, text=text, level=level, title=title)
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
        if piece.repeat and piece.header and not sheet:
            sheet.append(Block(piece.header + "\n"))
            length += len(piece.header) + 1
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


def _tables(sheet: list[Block]) -> Iterator[Table]:
    """Neighbouring rows under the same header row are one table."""
    at = 0
    for header, rows in groupby(sheet, key=lambda block: block.header):
        start, at = at, at + sum(len(row.text) for row in rows)
        if header:
            yield Table(start, at, header)
