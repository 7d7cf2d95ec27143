"""Word documents (Office Open XML): paragraphs, lists and tables in document order.

The archive is judged before anything is unpacked. Reads what the body shows: inserted text
counts, deleted text does not. Headers, footers, footnotes, comments and pictures are left out,
and so are the numbers that Word works out for itself.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from docx.document import Document as WordDocument
from docx.opc.exceptions import OpcError
from docx.opc.part import PartFactory
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement as Element
from docx.package import Package
from docx.parts.document import DocumentPart

from ingest.errors import UnsupportedType
from ingest.parsers.archive import check_office, damage_named
from ingest.parsers.flow import PAGE_BREAK, PAGE_SIZE, Block, paged, table_blocks
from ingest.spans import Page

_RENDERED_PAGE = 4 * PAGE_SIZE  # where Word has marked its pages, ours only stop the absurd

#: Documents with macros, which are never run, and templates.
_ALSO_READ = (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)

_TEXT = (qn("w:t"), qn("m:t"))
_SPACES = {qn("w:tab"): "\t", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-", qn("w:ptab"): "\t"}
#: Not shown, or shown twice (the fallback repeats the choice in older markup).
_UNSEEN = frozenset(
    (*map(qn, ("w:pPr", "w:rPr", "w:del", "w:moveFrom", "w:instrText")),
     "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback")
)  # fmt: skip
_WRAPPERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml")))
_HEADING_STYLE = re.compile(r"heading ([1-9])", re.IGNORECASE)


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """Pages by Word's own page breaks where it left any, else about every 3,000 characters."""
    check_office(path, "word/")
    with damage_named(OpcError):
        document = _opened(path)
        body = document.element.body
        rendered = next(body.iter(qn("w:lastRenderedPageBreak")), None) is not None
        blocks = _blocks(body, _Styles(document))
        yield from paged(blocks, max_pages, _RENDERED_PAGE if rendered else PAGE_SIZE)


def _opened(path: Path) -> WordDocument:
    PartFactory.part_type_for.update(dict.fromkeys(_ALSO_READ, DocumentPart))
    part = Package.open(str(path)).main_document_part
    if not isinstance(part, DocumentPart):  # a workbook, slides, …
        raise UnsupportedType(media_type="application/zip")
    document: WordDocument = part.document
    return document


class _Styles:
    """What paragraph styles say about headings and lists, inherited styles included."""

    def __init__(self, document: WordDocument) -> None:
        self._levels: dict[str, int] = {}
        self._lists: set[str] = set()
        styles = document.styles.element
        for _ in range(3):  # a style may come before the one it is based on
            for style in styles.iterchildren(qn("w:style")):
                self._learn(style)

    def _learn(self, style: Element) -> None:
        name = style.get(qn("w:styleId"), "")
        based = _value(style, "w:basedOn")
        title = _value(style, "w:name")
        properties = style.find(qn("w:pPr"))
        level = _outline_level(properties)
        if found := _HEADING_STYLE.fullmatch(title):
            level = int(found[1])
        elif title.lower() == "title":
            level = 1
        self._levels[name] = level if level is not None else self._levels.get(based, 0)
        numbered = properties is not None and properties.find(qn("w:numPr")) is not None
        if numbered or title.lower().startswith("list ") or based in self._lists:
            self._lists.add(name)

    def level(self, properties: Element | None) -> int:
        """The heading level of a paragraph, 0 for body text."""
        own = _outline_level(properties)
        if own is not None:
            return own
        return self._levels.get(_value(properties, "w:pStyle"), 0)

    def is_item(self, properties: Element | None) -> bool:
        """Whether the paragraph is an item of a list."""
        if properties is None:
            return False
        numbering = properties.find(qn("w:numPr"))
        if numbering is not None:
            return _value(numbering, "w:numId") != "0"
        return _value(properties, "w:pStyle") in self._lists


def _value(parent: Element | None, name: str) -> str:
    child = None if parent is None else parent.find(qn(name))
    return "" if child is None else child.get(qn("w:val"), "")


def _outline_level(properties: Element | None) -> int | None:
    value = _value(properties, "w:outlineLvl")
    return (int(value) + 1) % 10 if value.isdecimal() else None  # 9 means body text


def _blocks(body: Element, styles: _Styles) -> Iterator[Block]:
    for element in _content(body, ("w:p", "w:tbl")):
        if element.tag == qn("w:p"):
            yield _paragraph(element, styles)
        else:
            yield from table_blocks(_rows(element))


def _content(parent: Element, names: tuple[str, ...]) -> Iterator[Element]:
    """Children of these names, also those inside content controls and tracked insertions."""
    tags = tuple(map(qn, names))
    for child in parent.iterchildren():
        if child.tag in tags:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _content(child, names)


def _paragraph(paragraph: Element, styles: _Styles) -> Block:
    properties = paragraph.find(qn("w:pPr"))
    text = "".join(_text(paragraph))
    if properties is not None and properties.find(qn("w:pageBreakBefore")) is not None:
        text = PAGE_BREAK + text
    if not text.strip():
        return Block(PAGE_BREAK if PAGE_BREAK in text else "")
    level = styles.level(properties)
    item = not level and styles.is_item(properties)
    bare = text.lstrip(PAGE_BREAK)
    lead = text[: len(text) - len(bare)] + ("- " if item else "")
    title = " ".join(bare.split()) if level else ""
    return Block(lead + bare + ("\n" if item else "\n\n"), level, title)


def _text(element: Element) -> Iterator[str]:
    for child in element.iterchildren():
        tag = child.tag
        if tag in _UNSEEN:
            continue
        if tag in _TEXT:
            yield (child.text or "").replace(PAGE_BREAK, " ")
        elif tag == qn("w:lastRenderedPageBreak"):
            yield PAGE_BREAK
        elif tag == qn("w:br"):
            yield PAGE_BREAK if child.get(qn("w:type")) == "page" else "\n"
        elif tag in _SPACES:
            yield _SPACES[tag]
        else:
            yield from _text(child)
            if tag == qn("w:p"):  # in a text box
                yield "\n"


def _rows(table: Element) -> Iterator[str]:
    """Each row as a line, its cells parted by ` | `. A page break inside a row goes before it."""
    for row in _content(table, ("w:tr",)):
        cells = [_cell(cell) for cell in _content(row, ("w:tc",))]
        line = " | ".join(" ".join(cell.split()) for cell in cells)
        if line.strip(" |"):
            yield (PAGE_BREAK if any(PAGE_BREAK in cell for cell in cells) else "") + line


def _cell(cell: Element) -> str:
    parts = []
    for element in _content(cell, ("w:p", "w:tbl")):
        if element.tag == qn("w:p"):
            parts.append("".join(_text(element)))
        else:
            parts += _rows(element)
    return "\n".join(parts)
