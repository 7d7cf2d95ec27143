"""Markdown as it is written: the source is the canonical text, only its headings are told.

Headings follow CommonMark 0.31 §4.2 (ATX) and §4.3 (setext); lines inside fences (§4.5) and
YAML front matter are never headings.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.parsers.flow import Block, clean, header_of, paged
from ingest.parsers.text import encoding
from ingest.spans import Page

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_ATX_CLOSING = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_NO_PARAGRAPH = re.compile(r" {4}|\t| {0,3}(?:>|[-*+] |\d{1,9}[.)] |\|)")
_MARKS = re.compile(r"(?<!\\)[*`]+")


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The source cut at paragraphs about every 3,000 characters."""
    source = clean(path.read_text(encoding(path)))
    blocks = _blocks(source.splitlines(keepends=True))
    yield from paged((part for block in blocks for part in _rows(block)), max_pages)


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Paragraphs, fences and titles, each with the blank lines after it."""
    block: list[str] = []
    fence = _front_matter(lines)
    for line in lines:
        if fence:
            block.append(line)
            if len(block) > 1 and _closes(line, fence):
                yield Block("".join(block))
                block, fence = [], ""
            continue
        if opened := _FENCE.match(line.rstrip("\n")):
            yield Block("".join(block))
            block, fence = [line], opened[1]
        elif heading := _ATX.match(line.rstrip("\n")):
            yield Block("".join(block))
            yield Block(line, len(heading[1]), _title(heading[2] or ""))
            block = []
        elif (under := _SETEXT.match(line.rstrip("\n"))) and _is_paragraph(block):
            yield Block("".join([*block, line]), 1 if under[1][0] == "=" else 2,
                        _title("".join(block)))  # fmt: skip
            block = []
        else:
            if block and not block[-1].strip() and line.strip():
                yield Block("".join(block))
                block = []
            block.append(line)
    yield Block("".join(block))


def _rows(block: Block) -> Iterator[Block]:
    """A block with a table in it, row by row; any other as it is (GFM 0.29 §4.10)."""
    lines = block.text.splitlines(keepends=True)
    rules = (at for at, line in enumerate(lines) if at and _RULE.match(line) and "|" in line)
    fenced = bool(lines) and _FENCE.match(lines[0].rstrip("\n"))
    rule = None if block.level or fenced else next(rules, None)
    if rule is None:
        yield block
        return
    cells = lines[rule - 1].strip(" |\n").split("|")
    header = header_of(" | ".join(cell.strip() for cell in cells))
    yield Block("".join(lines[: rule + 1]))
    yield from (Block(line, header=header) for line in lines[rule + 1 :])


def _front_matter(lines: list[str]) -> str:
    """The closing mark of YAML front matter, if the text begins with one that is closed."""
    if not lines or lines[0].rstrip() != "---":
        return ""
    return "---" if any(line.rstrip() == "---" for line in lines[1:]) else ""


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and set(bare) == {fence[0]}


def _is_paragraph(block: list[str]) -> bool:
    """Whether a line of `===` or `---` makes these lines a title."""
    return bool(block) and all(line.strip() and not _NO_PARAGRAPH.match(line) for line in block)


def _title(source: str) -> str:
    bare = _ATX_CLOSING.sub("", source)
    return " ".join(_MARKS.sub("", bare).split())
