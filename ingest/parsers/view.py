"""A PDF's page as it looks: boxes around a span of its text, and a picture of it.

Knows offsets only through `ingest.parsers.pdf`, whose rules made the text.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypdfium2 import PdfDocument, PdfiumError, PdfPage, PdfTextPage, raw

from ingest.errors import DamagedDocument, PageNotFound
from ingest.parsers.pdf import characters, opened

_MOST_PIXELS = 16_000_000
_FINE = 64  # pdfium maps points to whole pixels, so we ask at this many to the point

Box = tuple[float, float, float, float]


def boxes(
    path: Path, number: int, char_start: int, char_end: int
) -> tuple[float, float, list[Box]]:
    """Width and height of the page as shown, and a box for each line of the span."""
    with opened(path) as document, _page(document, number) as page:
        textpage = page.get_textpage()
        content = characters(textpage)
        width, height = page.get_size()
        lines: list[Box] = []
        last: Box | None = None
        for at in range(max(char_start, 0), min(char_end, len(content.text))):
            if content.text[at] == "\n":
                last = None
            elif box := _box(page, textpage, content.indices[at]):
                if last and not _returns(last, box):
                    lines[-1] = _union(lines[-1], box)
                else:
                    lines.append(box)
                last = box
        return width, height, lines


def image(path: Path, number: int, width: int) -> bytes:
    """The page as a PNG that is `width` pixels wide."""
    with opened(path) as document, _page(document, number) as page:
        points_wide, points_high = page.get_size()
        scale = width / points_wide
        scale *= min(1.0, (_MOST_PIXELS / (scale * points_wide * scale * points_high)) ** 0.5)
        bitmap = page.render(scale=scale, rev_byteorder=True, limit_image_cache=True)
        return _png(bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer))


@contextmanager
def _page(document: PdfDocument, number: int) -> Iterator[PdfPage]:
    if not 1 <= number <= len(document):
        raise PageNotFound(id="", page=number)
    try:
        page = document[number - 1]
    except PdfiumError as error:
        raise DamagedDocument from error
    try:
        yield page
    finally:
        page.close()


def _box(page: PdfPage, textpage: PdfTextPage, index: int) -> Box | None:
    """Where the page as shown has the character, None if it takes no room."""
    try:
        left, bottom, right, top = textpage.get_charbox(index, loose=True)
    except PdfiumError:
        return None
    x0, y0 = _shown(page, left, top)
    x1, y1 = _shown(page, right, bottom)
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _shown(page: PdfPage, x: float, y: float) -> tuple[float, float]:
    """A point of the PDF in points from the top left of the page as it is turned and cropped."""
    width, height = page.get_size()
    across, down = raw.c_int(), raw.c_int()
    raw.FPDF_PageToDevice(
        page, 0, 0, round(width * _FINE), round(height * _FINE), 0, x, y, across, down
    )
    return across.value / _FINE, down.value / _FINE


def _returns(last: Box, box: Box) -> bool:
    """Whether the second character begins a new line: it is left of the first, beside it nowhere.

    Characters of a vertical line lie below each other and don't move to the left.
    """
    return box[2] <= last[0] and (box[1] >= last[3] or box[3] <= last[1])


def _union(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _png(width: int, height: int, stride: int, rows: bytes) -> bytes:
    """An 8-bit RGB picture as PNG (ISO 15948 §5, filter 0), without an imaging library."""
    lines = b"".join(
        b"\0" + rows[start : start + 3 * width] for start in range(0, stride * height, stride)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
