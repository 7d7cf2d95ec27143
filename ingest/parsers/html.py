"""HTML as a reader sees it: blocks of text without scripts, styles, navigation or hidden parts.

Links, pictures and scripts are never followed. Knows no CSS beyond the `hidden` attribute.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from ingest.parsers.flow import Block, clean, header_of, paged
from ingest.parsers.text import encoding
from ingest.spans import Page

_DROPPED = re.compile(
    "script|style|nav|noscript|template|head|svg|math|iframe|object|embed|canvas|audio|video|"
    "select|button|-comment"
)
_BLOCK = re.compile(
    "address|article|aside|blockquote|body|caption|dd|details|dialog|div|dl|dt|fieldset|"
    "figcaption|figure|footer|form|h[1-6]|header|hgroup|hr|li|main|ol|p|pre|section|summary|"
    "table|tbody|tfoot|thead|tr|ul"
)
_TIGHT = frozenset(("li", "tr", "dt", "dd", "ol", "ul"))  # no blank line around them
_LISTS = frozenset(("table", "ul", "ol", "dl"))
_CELLS = frozenset(("td", "th"))
_HEADING = re.compile("h[1-6]")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_DECLARED = re.compile(rb"<(?:meta[^>]{0,200}|\?xml[^>]{0,100}?)(?:charset|encoding)\s*=\s*[\"']?"
                       rb"([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)  # fmt: skip
#: What pages and mails claim and what they then mean (WHATWG Encoding §4.2, the ones met here).
ENCODINGS = {
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
    "windows-1252": "cp1252",
}


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The visible text cut at blocks about every 3,000 characters."""
    with path.open("rb") as file:
        declared = declared_encoding(file.read(4_096))
    source = path.read_text(encoding(path, declared))
    yield from paged(blocks(source), max_pages)


def blocks(source: str) -> Iterator[Block]:
    """The visible text of a page, or of a part of one."""
    try:
        tree = LexborHTMLParser(clean(source))
    except SelectolaxError as error:  # any text is HTML: nothing but memory can be wanting
        raise MemoryError from error
    yield from _Reader().blocks(tree.root)


def declared_encoding(head: bytes) -> str:
    """The encoding a page claims for itself; it is tried first, not trusted."""
    found = _DECLARED.search(head)
    return ENCODINGS.get(found[1].decode("ascii").lower(), "") if found else ""


def _walk(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Every node that counts, entered (True) and left (False), without recursion."""
    node = root
    depth = 0
    while node is not None:
        dropped = _DROPPED.fullmatch(node.tag or "") or "hidden" in node.attributes
        if not dropped:
            yield node, True
            if node.child is not None:
                node, depth = node.child, depth + 1
                continue
            yield node, False
        while node.next is None:
            if depth == 0 or node.parent is None:
                return
            node, depth = node.parent, depth - 1
            yield node, False
        node = node.next


class _Reader:
    """Collects running text until a block begins or ends."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._bullet = ""
        self._pre = 0  # how many <pre> we are in
        self._rows = 0  # how many table rows: a table inside a cell joins the outer row
        self._cells = 0
        self._header = ""  # the first row of the table we are in

    def blocks(self, root: LexborNode | None) -> Iterator[Block]:
        """Blocks of text in document order."""
        for node, entering in _walk(root):
            tag = node.tag or ""
            if tag == "-text":
                self._words += [self._text(node)] if entering else []
            elif entering:
                yield from self._enter(tag)
            else:
                yield from self._leave(tag)
        yield from self._flush("")

    def _text(self, node: LexborNode) -> str:
        text = node.text_content or ""
        return text if self._pre and not self._rows else _SPACE.sub(" ", text)

    def _enter(self, tag: str) -> Iterator[Block]:
        if _BLOCK.fullmatch(tag):
            yield from self._flush(tag)
        if tag == "tr":
            self._rows += 1
        elif tag in _CELLS and self._rows:
            self._words.append(" | " if self._cells else "")
            self._cells += 1
        elif tag == "li":
            self._bullet = "- "
        elif tag == "br":
            self._words.append(" " if self._rows else "\n")
        self._pre += tag == "pre"

    def _leave(self, tag: str) -> Iterator[Block]:
        self._rows -= tag == "tr"
        if _BLOCK.fullmatch(tag):
            yield from self._flush(tag, tag)
        if not self._rows:
            self._cells = 0
        self._pre -= tag == "pre"
        if tag in _LISTS and not self._rows:
            yield Block("\n")
            self._header = ""

    def _flush(self, edge: str, closed: str = "") -> Iterator[Block]:
        """The text before the `edge` of a block; it is a title if a heading was `closed`."""
        if self._rows:
            self._words.append(" ")
            return
        text = "".join(self._words)
        self._words = []
        if not self._pre:
            text = "\n".join(_SPACE.sub(" ", line).strip(" ") for line in text.split("\n"))
        text = text.strip("\n")
        if not text.strip(" |\n\t"):
            return
        level = int(closed[1]) if _HEADING.fullmatch(closed) else 0
        end = "\n" if edge in _TIGHT else "\n\n"
        title = " ".join(text.split()) if level else ""
        header = self._header if closed == "tr" else ""
        yield Block(self._bullet + text + end, level, title, header)
        self._bullet = ""
        if closed == "tr":
            self._header = self._header or header_of(text)
