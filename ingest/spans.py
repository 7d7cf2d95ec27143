"""The values that travel between parsers, the library, retrieval and citations."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a parser read it."""

    number: int  #: from 1
    text: str  #: canonical text, kept as it is for ever
    headings: tuple["Heading", ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A title inside a page's text."""

    char_start: int  #: code points
    level: int  #: 1 is the outermost
    title: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of one page that will become a chunk: `text == page.text[char_start:char_end]`."""

    page: int
    char_start: int
    char_end: int  #: exclusive
    heading: str
    text: str
