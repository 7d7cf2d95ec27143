"""Where sentences begin and end, in Chinese and in English, in running text and in lists."""

import re
from collections.abc import Iterator

SENTENCE_END = re.compile(
    r"(?<=[。！？；…])[」』）”’]*|(?<=[.!?])[\"')\]”’]*(?=\s+[^a-z\s])|\n{2,}|\n(?=\s*(?:[-*•|]|\d+[.)]))"
)
FULL_STOPS = (".", "!", "?", "。", "！", "？", "；", "…")
CLOSING = '」』）”’")] \n'  #: may follow a full stop
LINE_END = re.compile(r"\n(?=[A-Z0-9\u2e80-\u9fff])")
SHORT_LINE = 0.7  #: of the longest line of the text


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence, without the white space around it."""
    begin = 0
    for end in _sentence_ends(text):
        piece = text[begin:end]
        if piece.strip():
            yield begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())
        begin = end


def whole_sentences(text: str) -> str:
    """The text without a last sentence that was broken off; a single one stays as it is."""
    spans = list(sentence_spans(text))
    if len(spans) < 2 or text.rstrip(CLOSING).endswith(FULL_STOPS):
        return text
    return text[: spans[-2][1]]


def _sentence_ends(text: str) -> list[int]:
    """Where sentences end: at their marks, and at lines that stop short of the margin.

    Titles and page headers have no full stop, but the next line begins with a capital although
    there was room left on theirs.
    """
    ends = {match.end() for match in SENTENCE_END.finditer(text)} | {len(text)}
    margin = SHORT_LINE * max(map(len, text.split("\n")))
    for match in LINE_END.finditer(text):
        if match.start() - text.rfind("\n", 0, match.start()) < margin:
            ends.add(match.end())
    return sorted(ends)
