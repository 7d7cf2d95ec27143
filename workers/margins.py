"""What runs along a PDF's pages (headers, footers, page numbers), told by how often it comes back.

Lines at the edges of pages that are the same on many of them, but for numbers that count with the
pages; after Lin, "Header and footer extraction by page association" (2003). A line with another
number on each page (`Total 15`, `Total 18`) does not run along: it says something.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

EDGE = 3  #: lines at either end of a page that are looked at
RUNNING, RUNNING_PAGES = 0.2, 3  #: share and number of pages from which on a line runs along
COUNTING = 3  #: numbers of a line, of which each may count with the pages

LINE = re.compile(r"[^\n]+")
_NUMBER = re.compile(r"\d{1,6}")


def bodies(pages: Mapping[int, str]) -> dict[int, tuple[int, int]]:
    """Where each page's own text begins and ends, between what runs along."""
    lines = {
        number: [line for line in LINE.finditer(text) if line.group().strip()]
        for number, text in pages.items()
    }
    counts: Counter[str] = Counter()
    for page, found in lines.items():
        edges = (*found[:EDGE], *found[-EDGE:])
        counts.update({shape for line in edges for shape in _shapes(line.group(), page)})
    often = max(RUNNING_PAGES, RUNNING * len(pages))
    running = {shape for shape, count in counts.items() if count >= often}
    return {page: _body(page, found, running) for page, found in lines.items()}


def _body(page: int, lines: Sequence[re.Match[str]], running: set[str]) -> tuple[int, int]:
    def runs(line: re.Match[str]) -> bool:
        return any(shape in running for shape in _shapes(line.group(), page))

    first, last = 0, len(lines)
    while first < min(EDGE, last) and runs(lines[first]):
        first += 1
    while last > max(first, len(lines) - EDGE) and runs(lines[last - 1]):
        last -= 1
    return (lines[first].start(), lines[last - 1].end()) if first < last else (0, 0)


def _shapes(line: str, page: int) -> Iterator[str]:
    """The line as it is, and with each of its numbers counted from that of the page."""
    text = " ".join(line.split()).casefold()
    words = _NUMBER.split(text)
    numbers = [int(found) for found in _NUMBER.findall(text)]
    if len(numbers) > COUNTING:
        yield text
        return
    for counted in product((False, True), repeat=len(numbers)):
        shown = [
            f"#{number - page}" if counts else str(number)
            for number, counts in zip(numbers, counted, strict=True)
        ]
        yield "".join(part for pair in zip(words, [*shown, ""], strict=True) for part in pair)
