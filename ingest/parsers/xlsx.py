"""Workbooks (SpreadsheetML): a page for each sheet, long sheets cut into several.

A row is a line that begins with the reference of its first filled cell: `A12: Alice | 300`, so a
cell is found and named by where it stands. Values are those last computed; nothing is computed
here, no macro runs and no link is followed. Hidden sheets and rows count.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ingest.errors import TooMuchText, UnsupportedType
from ingest.parsers.archive import check_office, damage_named
from ingest.parsers.flow import PAGE_BREAK, Block, clean, paged
from ingest.spans import Page

MAX_CELLS = 20_000_000
_SEVERAL = 2  # filled cells that make a row a header
_QUOTED = re.compile(r'"[^"]*"|\\.')
_PERCENT = re.compile(r"(?:\.([0#?]+))?%")
_MIDNIGHT = time()


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The sheets in order; of a long one each page begins with the header row again."""
    check_office(path, "xl/")
    with damage_named(InvalidFileException), path.open("rb") as file:
        workbook = _opened(file)
        yield from paged(_blocks(workbook), max_pages)


def _opened(file: Any) -> Any:
    try:
        return load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except OSError as error:  # how openpyxl says that there is no workbook part
        raise UnsupportedType(media_type="application/zip") from error


def _blocks(workbook: Any) -> Iterator[Block]:
    for sheet in workbook.worksheets:
        title = " ".join(clean(sheet.title).split())
        sheet.reset_dimensions()  # what a sheet claims as its size may be anything
        for index, row in enumerate(_table(_rows(sheet))):
            if not index:
                yield Block(PAGE_BREAK)
                yield Block(f"{title}\n\n", 1, title)
            yield row


def _rows(sheet: Any) -> Iterator[tuple[str, list[Any]]]:
    """Reference of the first filled cell and the values from there on, of each row with any."""
    left = MAX_CELLS
    for row in sheet.iter_rows():
        left -= len(row) + 1
        if left < 0:
            raise TooMuchText(limit=MAX_CELLS)
        filled = [at for at, cell in enumerate(row) if cell.value not in (None, "")]
        if filled:
            first = row[filled[0]]
            yield first.coordinate, [_value(cell) for cell in row[filled[0] : filled[-1] + 1]]
        else:
            yield "", []


def _table(rows: Iterator[tuple[str, list[Any]]]) -> Iterator[Block]:
    header, fresh = "", True  # the row before was blank
    for reference, cells in rows:
        if not cells:
            if not fresh:
                yield Block("\n")
            fresh = True
            continue
        line = f"{reference}: {' | '.join(' '.join(cell.text.split()) for cell in cells)}"
        heads = (fresh or not header) and _is_header(cells)
        fresh = False
        yield Block(line + "\n", header="" if heads else header, repeat=True)
        if heads:
            header = line


class _Cell:
    """What a cell shows, and whether that is words."""

    __slots__ = ("is_words", "text")

    def __init__(self, text: str, is_words: bool) -> None:
        self.text = text
        self.is_words = is_words


def _is_header(cells: Sequence[_Cell]) -> bool:
    """Whether a row names its columns: several words and nothing else."""
    filled = [cell for cell in cells if cell.text]
    return len(filled) >= _SEVERAL and all(cell.is_words for cell in filled)


def _value(cell: Any) -> _Cell:
    value = cell.value
    if value is None:
        return _Cell("", False)
    if isinstance(value, bool):
        return _Cell("TRUE" if value else "FALSE", False)
    if isinstance(value, int | float):
        return _Cell(_number(value, str(cell.number_format)), False)
    if isinstance(value, datetime):
        day = value.time() == _MIDNIGHT
        return _Cell(value.date().isoformat() if day else value.isoformat(" ", "minutes"), False)
    if isinstance(value, date | time | timedelta):
        return _Cell(str(value), False)
    return _Cell(clean(str(value)), True)


def _number(value: float, shape: str) -> str:
    """With the digits a spreadsheet keeps; percentages as they are shown."""
    if found := _PERCENT.search(_QUOTED.sub("", shape)):
        return f"{value * 100:.{len(found[1] or '')}f}%"
    return str(value) if isinstance(value, int) else f"{value:.15g}"
