"""PDF: the text of each page, by pdfium.

The text of a page is made of pdfium's character list, one code point for one entry, by rules that
never change, so that an offset in stored text finds its character again:

- entries that no font gives a meaning (0) and carriage returns are dropped;
- the mark that stands for a hyphen at a line's end (2, or FFFE in some builds) becomes `-`,
  which is what the page shows; whether the word is one or two is for the reader to judge;
- two entries that are a surrogate pair become one character, a lone surrogate becomes U+FFFD.

Pages whose text layer does not say what they show are read by OCR, if there is any. Nothing in the
file is ever executed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_ushort
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypdfium2 import PdfDocument, PdfiumError, PdfPage, PdfTextPage, raw

from ingest.errors import DamagedDocument, EncryptedDocument, TooManyPages
from ingest.parsers.layer import Layer, judged
from ingest.parsers.ocr import LONGEST_SIDE, Recognizer
from ingest.parsers.titles import large_lines, located, outline
from ingest.spans import Heading, Page

_HYPHENS = frozenset((0x02, 0xFFFE))
_DROPPED = frozenset((0x00, 0x0D))
_HYPHEN = "-"
_HYPHEN_MARKS = re.compile("[\x02\ufffe]")
_PECULIAR = re.compile("[\x00\ud800-\udfff]")
_SAMPLED = 16  #: entries of a page that are compared with its text
_PIXELS = 2.0  #: for each point of a page that is read by OCR: 144 to the inch
_FEWEST_SEEN = 0.3  #: of a garbled layer's length: what was seen is the text


@dataclass(frozen=True, slots=True)
class Characters:
    """A page's canonical text and the pdfium index of each of its characters."""

    text: str
    indices: list[int]
    lost: int  #: entries that no font gives a meaning


def pages(path: Path, max_pages: int, recognizer: Recognizer) -> Iterator[Page]:
    """Every page in order; one without text has the text ""."""
    with opened(path) as document:
        if len(document) > max_pages:
            raise TooManyPages(limit=max_pages)
        bookmarks = outline(document)
        sizes: Counter[int] = Counter()
        readable = broken = False
        for index in range(len(document)):
            try:
                page = _read(document, index, _Reading(bookmarks, sizes, recognizer))
            except PdfiumError:
                broken = True
                page = Page(index + 1, "")
            readable = readable or bool(page.text.strip())
            yield page
        if not readable:
            raise DamagedDocument if broken else recognizer.fault


@contextmanager
def opened(path: Path) -> Iterator[PdfDocument]:
    """The document, closed at the end of the block; raises what keeps it from opening."""
    try:
        document = PdfDocument(path)
    except PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise EncryptedDocument from error
        raise DamagedDocument from error
    try:
        yield document
    finally:
        document.close()


def characters(textpage: PdfTextPage) -> Characters:
    """The page's text by the rules above."""
    return at_once(textpage) or one_by_one(textpage)


def at_once(textpage: PdfTextPage) -> Characters | None:
    """The text of a page that pdfium gives in one piece; None where entries and text may differ.

    Asking for each entry is most of the time that reading a page takes. Surrogates, and entries
    without a meaning, which pdfium leaves out of its text, are looked at one by one.
    """
    count, handle = textpage.count_chars(), textpage.raw
    buffer = (c_ushort * (count + 1))()
    if raw.FPDFText_GetText(handle, 0, count, buffer) != count + 1:
        return None
    told = bytes(buffer)[:-2].decode("utf-16-le", "surrogatepass")
    if len(told) != count or _PECULIAR.search(told):
        return None
    looked_at = [*range(0, count, max(1, count // _SAMPLED)), *range(count - 1, count)]
    if any(_differs(handle, at, told[at]) for at in looked_at):
        return None
    for mark in _HYPHEN_MARKS.finditer(told):
        at = mark.start()
        shown = _HYPHEN if raw.FPDFText_IsHyphen(handle, at) == 1 else _entry(handle, at)
        told = told[:at] + shown + told[at + 1 :]
    kept = [at for at, sign in enumerate(told) if sign != "\r"]
    return Characters(told.replace("\r", ""), kept, 0)


def _differs(handle: Any, at: int, told: str) -> bool:
    return told != _entry(handle, at) and ord(told) not in _HYPHENS


def _entry(handle: Any, at: int) -> str:
    return chr(raw.FPDFText_GetUnicode(handle, at))


def one_by_one(textpage: PdfTextPage) -> Characters:
    """The text of any page."""
    kept: list[str] = []
    indices: list[int] = []
    unicode_of, handle = raw.FPDFText_GetUnicode, textpage.raw
    high = lost = 0  # a high surrogate that waits for its other half
    for index in range(textpage.count_chars()):
        code = unicode_of(handle, index)
        if 0xDC00 <= code < 0xE000 and high:
            kept[-1] = chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))
            high = 0
            continue
        high = code if 0xD800 <= code < 0xDC00 else 0
        if code in _DROPPED:
            lost += not code
            continue
        if code in _HYPHENS and raw.FPDFText_IsHyphen(handle, index) == 1:
            code = ord(_HYPHEN)
        elif 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            code = 0xFFFD
        kept.append(chr(code))
        indices.append(index)
    return Characters("".join(kept), indices, lost)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is known when a page is read."""

    bookmarks: dict[int, list[Heading]]
    sizes: Counter[int]
    recognizer: Recognizer


def _read(document: PdfDocument, index: int, known: _Reading) -> Page:
    page = document[index]
    try:
        textpage = page.get_textpage()
        found = characters(textpage)
        layer = judged(page, found.text, found.lost)
        if layer is not Layer.GOOD and known.recognizer.available:
            seen = _seen(page, index + 1, known.recognizer)
            if _says_more(seen.text, found.text, layer):
                return seen
        if known.bookmarks:
            headings = located(known.bookmarks.get(index, []), found.text)
        else:
            headings = large_lines(textpage, found.text, found.indices, known.sizes)
        return Page(index + 1, found.text, tuple(headings))
    finally:
        page.close()  # and its text page with it


def _seen(page: PdfPage, number: int, recognizer: Recognizer) -> Page:
    scale = min(_PIXELS, LONGEST_SIDE / max(page.get_size()))
    bitmap = page.render(scale=scale, limit_image_cache=True)
    return recognizer.page(number, bitmap.to_numpy()[:, :, :3].copy(), scale)


def _says_more(seen: str, layer_text: str, layer: Layer) -> bool:
    """Whether what was seen is to be believed more than the text layer."""
    if layer is Layer.HIDDEN:
        return True  # also if nothing was seen: it is no text of the page
    visible, layered = (len("".join(text.split())) for text in (seen, layer_text))
    return visible > (layered if layer is Layer.THIN else _FEWEST_SEEN * layered)
