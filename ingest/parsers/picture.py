"""Pictures of text (PNG, JPEG, TIFF, WebP, BMP, GIF): a page for each, read by OCR.

Turned as the camera says. A picture of absurd size is refused by its header.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ingest.errors import ArchiveBomb, DamagedDocument, PageNotFound, TooManyPages
from ingest.parsers.ocr import LONGEST_SIDE, Recognizer
from ingest.spans import Page

MAX_PIXELS = 120_000_000
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
#: What Pillow stumbles over; want of memory is none of it.
_STUMBLES = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
)


def pages(path: Path, max_pages: int, recognizer: Recognizer) -> Iterator[Page]:
    """One page for each picture of the file; raises what keeps all of them from being read."""
    readable = False
    if not recognizer.available:
        raise recognizer.fault
    with _opened(path) as file:
        count = getattr(file, "n_frames", 1) if file.format == "TIFF" else 1
        if count > max_pages:
            raise TooManyPages(limit=max_pages)
        for number in range(1, count + 1):
            page = Page(number, "")
            if recognizer.available:
                picture = _frame(file, number)
                picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                page = recognizer.page(number, np.asarray(picture)[:, :, ::-1].copy())
            readable = readable or bool(page.text.strip())
            yield page
    if not readable:
        raise recognizer.fault


def image(path: Path, number: int, width: int) -> bytes:
    """The picture as a PNG that is at most `width` pixels wide."""
    with _opened(path) as file:
        picture = _frame(file, number)
        picture.thumbnail((width, 4 * width))
        made = io.BytesIO()
        picture.save(made, "PNG")
        return made.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=_FORMATS) as file:
            yield file
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ArchiveBomb from error
    except _STUMBLES as error:
        raise DamagedDocument from error


def _frame(file: Any, number: int) -> Any:
    try:
        file.seek(number - 1)
    except EOFError as error:
        raise PageNotFound(id="", page=number) from error
    if file.size[0] * file.size[1] > MAX_PIXELS:
        raise ArchiveBomb
    if number == 1 and file.format == "JPEG":
        file.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
    upright = ImageOps.exif_transpose(file)
    if "A" in upright.getbands() or "transparency" in upright.info:
        shown = Image.new("RGBA", upright.size, "white")
        shown.alpha_composite(upright.convert("RGBA"))
        upright = shown
    return upright.convert("RGB")
