"""The values that travel between parsers, the library, retrieval and citations."""

from dataclasses import dataclass

from ingest.layout import Layout


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a parser read it."""

    number: int  #: from 1
    text: str  #: canonical text, kept as it is for ever
    headings: tuple["Heading", ...] = ()
    tables: tuple["Table", ...] = ()
    layout: Layout | None = None  #: of a page that was read by OCR


@dataclass(frozen=True, slots=True)
class Heading:
    """A title inside a page's text."""

    char_start: int  #: code points
    level: int  #: 1 is the outermost
    title: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a page that stand under a header row; that row itself is not among them."""

    char_start: int  #: code points
    char_end: int  #: exclusive
    header: str  #: the row, as one line


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of one page that will become a chunk: `text == page.text[char_start:char_end]`."""

    page: int
    char_start: int
    char_end: int  #: exclusive
    heading: str
    text: str
    context: str = ""  #: the header row of the table it begins in, if that stands before it
