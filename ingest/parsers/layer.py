"""Whether the text layer of a PDF's page says what the page shows.

It does not where there is next to none beside a picture, where fonts have lost what their signs
mean, and where the words are invisible with no picture of them below. Knows pdfium's pages only.
"""

import re
from enum import Enum, auto

from pypdfium2 import PdfiumError, PdfPage, raw

LITTLE = 20  #: visible characters that make a text layer
_MOST_OBJECTS = 5_000  #: of a page that are looked at
_SAMPLED = 40  #: pieces of text that are asked whether they are visible
_PICTURE = 0.05  #: of the page's area: smaller pictures are ornaments
_WHOLE_PICTURE = 0.5  #: a scan below an invisible text layer
_MANY_PATHS = 100  #: letters that were turned into curves
_MOST_BROKEN = 0.2  #: signs without a meaning
_FEWEST_LETTERS = 0.35
_VOWELS = 0.25  #: of Latin letters; languages have 0.3 and more
#: Where a font tells nothing, TrueType's glyph numbers stand for letters: 29 below ASCII.
_SHIFTED = {code: code + 29 for code in range(0x44, 0x5E)}
_ENOUGH = 100  #: letters that can be judged
_BROKEN = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f\x7f-\x9f\U000f0000-\U0010ffff]")
_NO_LETTER = re.compile(r"[\W_]+")
_LEADERS = re.compile(r"[\s.·…_\-–—─|•]+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_VOWEL = re.compile(r"[aeiouyAEIOUY\u00c0-\u024f]")


class Layer(Enum):
    """What a page's text layer is worth."""

    GOOD = auto()
    THIN = auto()  #: next to nothing beside pictures
    GARBLED = auto()
    HIDDEN = auto()  #: nobody sees it


def judged(page: PdfPage, text: str, lost: int) -> Layer:
    """`lost` is how many signs of the page no font gives a meaning."""
    visible = len("".join(text.split()))
    if visible + lost < LITTLE:
        return Layer.THIN if _shows_something(page) else Layer.GOOD
    if _is_garbled(text, visible, lost):
        return Layer.GARBLED
    if _is_hidden(page) and _largest_picture(page) < _WHOLE_PICTURE:
        return Layer.HIDDEN
    return Layer.GOOD


def _is_garbled(text: str, visible: int, lost: int) -> bool:
    if len(_BROKEN.findall(text)) + lost > _MOST_BROKEN * (visible + lost):
        return True
    signs = _LEADERS.sub("", text)
    if len(signs) >= _ENOUGH and len(_NO_LETTER.sub("", signs)) < _FEWEST_LETTERS * len(signs):
        return True
    return not _reads_as_language(text) and _reads_as_language(text.translate(_SHIFTED))


def _reads_as_language(text: str) -> bool:
    letters, signs = len(_LATIN.findall(text)), len("".join(text.split()))
    return letters > max(_ENOUGH, signs / 2) and len(_VOWEL.findall(text)) > _VOWELS * letters


def _is_hidden(page: PdfPage) -> bool:
    """Whether every piece of text that is asked is drawn in no colour at all (mode 3)."""
    count = min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    asked = 0
    for index in range(0, count, max(1, count // _SAMPLED)):
        piece = raw.FPDFPage_GetObject(page, index)
        if raw.FPDFPageObj_GetType(piece) == raw.FPDF_PAGEOBJ_TEXT:
            asked += 1
            if raw.FPDFTextObj_GetTextRenderMode(piece) != raw.FPDF_TEXTRENDERMODE_INVISIBLE:
                return False
    return asked > 0


def _shows_something(page: PdfPage) -> bool:
    return _largest_picture(page) >= _PICTURE or _paths(page) >= _MANY_PATHS


def _largest_picture(page: PdfPage) -> float:
    """The share of the page that its largest picture takes."""
    width, height = page.get_size()
    largest = 0.0
    try:
        pictures = page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=5)
        for count, picture in enumerate(pictures):
            left, bottom, right, top = picture.get_bounds()
            largest = max(largest, (right - left) * (top - bottom))
            if count > _MOST_OBJECTS:
                break
    except PdfiumError:
        pass  # what can't be measured is not there
    return float(largest / max(width * height, 1.0))


def _paths(page: PdfPage) -> int:
    count = min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    kinds = (raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, i)) for i in range(count))
    return sum(kind in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_FORM) for kind in kinds)
