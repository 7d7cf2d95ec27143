"""Plain text: finds the encoding, then reads it as a stream. A form feed ends a page.

Holds one line at a time, and of a line no more than a page, so a file of one endless line is
as cheap as any other.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from ingest import charset
from ingest.errors import UndecodableText
from ingest.parsers.flow import Block, paged
from ingest.spans import Page

_CHUNK = 1 << 20
_SAMPLE = 1 << 18
_LONGEST_LINE = 65_536
_SEVEN_BITS = ("iso-2022", "iso2022", "hz", "utf-7")  # these look like ASCII
_NO_DOCUMENTS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"))
_HAN = "一二三四五六七八九十百千零〇兩0-9０-９"
#: What a line must look like to be taken for a title, with its level (None: by its numbering).
_TITLES: tuple[tuple[re.Pattern[str], int | None], ...] = (
    (re.compile(r"(?:Part|PART)\s+[\dIVXL]+\b"), 1),
    (re.compile(r"(?:Chapter|CHAPTER)\s+[\dIVXL]+\b"), 2),
    (re.compile(rf"第[{_HAN}]+[編篇部卷]"), 1),
    (re.compile(rf"第[{_HAN}]+章"), 2),
    (re.compile(rf"第[{_HAN}]+[節节]"), 3),
    (re.compile(r"[一二三四五六七八九十]{1,3}、\s*\S"), 4),
    (re.compile(r"(\d{1,2}(?:\.\d{1,3}){1,4})\.?[ \t\u3000]+[A-Z\u4e00-\u9fff]"), None),
)
_LONGEST_TITLE = 80
_LONGEST_HAN_TITLE = 30
_NO_TITLE = re.compile(r"[。；！？]|[,;:，：、．.…]$|\.{4}|…{2}")


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The text's pages, cut at form feeds and about every 3,000 characters."""
    yield from paged(_blocks(path, encoding(path)), max_pages)


def encoding(path: Path, declared: str = "") -> str:
    """The encoding of the whole file; raises `UndecodableText`.

    UTF-8 goes before the `declared` one: nothing else looks like it by chance.
    """
    return _encoding(lambda: _chunks(path), declared)


def decoded(data: bytes, declared: str = "") -> str:
    """The text of some bytes, by the same rules; what can't be decoded becomes U+FFFD."""
    known = declared if _is_encoding(declared) else ""
    try:
        if known.startswith(_SEVEN_BITS):
            return data.decode(known)
        return data.decode(_encoding(lambda: [data], known))
    except (UndecodableText, UnicodeDecodeError):
        return data.decode("utf-8", "replace")


def _is_encoding(name: str) -> bool:
    """Whether Python knows it as an encoding of text that documents are written in."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return name not in _NO_DOCUMENTS


def _encoding(chunks: Callable[[], Iterable[bytes]], declared: str) -> str:
    head = next(iter(chunks()), b"")[:_SAMPLE]
    utf8, *others = charset.ENCODINGS
    names = dict.fromkeys(name for name in (utf8, declared, *others) if name)
    possible = []
    for name in charset.strict(chunks, names):
        if charset.likely(head, name):
            return name
        possible.append(name)
    if guess := from_bytes(head).best():
        possible = [*charset.strict(chunks, (guess.encoding,)), *possible]
    if not possible:
        raise UndecodableText
    return possible[0]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _blocks(path: Path, name: str) -> Iterator[Block]:
    """Paragraphs with the blank lines after them; titles on their own."""
    paragraph: list[str] = []
    length = 0
    fresh = True  # the line before was blank
    with path.open(encoding=name, newline=None) as file:
        while line := file.readline(_LONGEST_LINE):
            level = title_level(line) if fresh else 0
            ends = paragraph and not paragraph[-1].strip() and line.strip()
            if ends or level or length > _LONGEST_LINE:
                yield Block("".join(paragraph))
                paragraph, length = [], 0
            if level:
                yield Block(line, level, " ".join(line.split()))
            else:
                paragraph.append(line)
                length += len(line)
            fresh = bool(level) or not line.strip()
    yield Block("".join(paragraph))


def title_level(line: str) -> int:
    """The level of a line that is surely a title, else 0."""
    line = line.strip()
    if len(line) > _LONGEST_TITLE or _NO_TITLE.search(line):
        return 0
    for pattern, level in _TITLES:
        if found := pattern.match(line):
            if level == 4 and len(line) > _LONGEST_HAN_TITLE:
                return 0
            return level or found[1].count(".") + 1
    return 0
