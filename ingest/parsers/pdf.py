"""PDF: the text of each page, by pdfium.

The text of a page is made of pdfium's character list, one code point for one entry, by rules that
never change, so that an offset in stored text finds its character again:

- entries that no font gives a meaning (0) and carriage returns are dropped;
- the mark that stands for a hyphen at a line's end (2, or FFFE in some builds) becomes `-`,
  which is what the page shows; whether the word is one or two is for the reader to judge;
- two entries that are a surrogate pair become one character, a lone surrogate becomes U+FFFD.

Pictures of text are not read, and nothing in the file is ever executed.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pypdfium2 import PdfDocument, PdfiumError, PdfTextPage, raw

from ingest.errors import DamagedDocument, EncryptedDocument, NoTextLayer, TooManyPages
from ingest.parsers.titles import large_lines, located, outline
from ingest.spans import Heading, Page

_HYPHENS = frozenset((0x02, 0xFFFE))
_DROPPED = frozenset((0x00, 0x0D))


@dataclass(frozen=True, slots=True)
class Characters:
    """A page's canonical text and the pdfium index of each of its characters."""

    text: str
    indices: list[int]


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """Every page in order; one without text has the text ""."""
    with opened(path) as document:
        if len(document) > max_pages:
            raise TooManyPages(limit=max_pages)
        bookmarks = outline(document)
        sizes: Counter[int] = Counter()
        readable = broken = False
        for index in range(len(document)):
            try:
                page = _read(document, index, bookmarks, sizes)
            except PdfiumError:
                broken = True
                page = Page(index + 1, "")
            readable = readable or bool(page.text.strip())
            yield page
        if not readable:
            raise DamagedDocument if broken else NoTextLayer


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
    kept: list[str] = []
    indices: list[int] = []
    unicode_of, handle = raw.FPDFText_GetUnicode, textpage.raw
    high = 0  # a high surrogate that waits for its other half
    for index in range(textpage.count_chars()):
        code = unicode_of(handle, index)
        if 0xDC00 <= code < 0xE000 and high:
            kept[-1] = chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))
            high = 0
            continue
        high = code if 0xD800 <= code < 0xDC00 else 0
        if code in _DROPPED:
            continue
        if code in _HYPHENS and raw.FPDFText_IsHyphen(handle, index) == 1:
            code = 0x2D
        elif 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            code = 0xFFFD
        kept.append(chr(code))
        indices.append(index)
    return Characters("".join(kept), indices)


def _read(
    document: PdfDocument, index: int, bookmarks: dict[int, list[Heading]], sizes: Counter[int]
) -> Page:
    page = document[index]
    try:
        textpage = page.get_textpage()
        found = characters(textpage)
        if bookmarks:
            headings = located(bookmarks.get(index, []), found.text)
        else:
            headings = large_lines(textpage, found.text, found.indices, sizes)
        return Page(index + 1, found.text, tuple(headings))
    finally:
        page.close()  # and its text page with it
