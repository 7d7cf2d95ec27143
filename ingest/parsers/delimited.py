"""Tables as text (CSV, RFC 4180, and TSV): one row a line, cells parted by ` | `.

Encoding and separator are found out. The first row heads every page and every piece of it.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import DamagedDocument
from ingest.parsers.flow import Block, clean, header_of, paged
from ingest.parsers.text import encoding
from ingest.spans import Page

SEPARATORS = ",;\t|"
_SAID = re.compile(r"sep=(.)\s*$", re.IGNORECASE)  # Excel's own first line
_SAMPLE = 65_536
_SAMPLE_ROWS = 50
_LONGEST_CELL = 1 << 20


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The rows cut about every 3,000 characters; each page begins with the first row."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from paged(_blocks(path, encoding(path)), max_pages)
    except csv.Error as error:  # a quote that never ends
        raise DamagedDocument from error


def _blocks(path: Path, name: str) -> Iterator[Block]:
    with path.open(encoding=name, newline="") as file:
        separator = _separator(file.read(_SAMPLE))
    header = ""
    with path.open(encoding=name, newline="") as file:
        for row in csv.reader((line.replace("\0", "") for line in file), delimiter=separator):
            line = " | ".join(" ".join(clean(cell).split()) for cell in row)
            if not line.strip(" |") or (not header and _SAID.match(separator.join(row))):
                continue
            yield Block(line + "\n", header=header, repeat=True)
            header = header or header_of(line)


def _separator(sample: str) -> str:
    """The sign that cuts the first rows into the same number of cells most often."""
    lines = sample.splitlines(keepends=True)[:_SAMPLE_ROWS]
    if len(sample) == _SAMPLE and len(lines) > 1:
        lines.pop()  # it may be cut
    if lines and (said := _SAID.match(lines[0])):
        return said[1]

    def agreement(separator: str) -> tuple[float, int]:
        rows = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        usual = max(set(rows), key=rows.count, default=1)
        return (rows.count(usual) / len(rows) if usual > 1 else 0.0, usual)

    return max(SEPARATORS, key=agreement)
