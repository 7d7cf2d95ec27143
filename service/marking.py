"""An answer as one text for those who show nothing else: its citations are markers in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: What `marked` puts behind sentences: [1] carries the sentence, ≠[2] has other figures.
MARKER = re.compile(r"\s*≠?\[\d+\]")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in the text a citation is named: code points, end exclusive."""

    citation: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marked:
    """The answer, sentence by sentence, with its markers."""

    pieces: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


def marked(result: dict[str, Any]) -> Marked:
    """The result of a question. A sentence that nothing carries has no marker."""
    answer, place, length = result["answer"], 0, 0
    pieces: list[str] = []
    marks: list[Mark] = []
    for sentence in result["sentences"]:
        begin = answer.find(sentence["text"], place)
        if begin < 0:
            continue
        end = begin + len(sentence["text"])
        piece = answer[place:end]
        for citation, sign in _cited(sentence):
            piece += f" {sign}[{citation}]"
            marks.append(Mark(citation, length + piece.rindex("["), length + len(piece)))
        pieces.append(piece)
        place, length = end, length + len(piece)
    rest = answer[place:]
    return Marked((*pieces, rest) if rest else tuple(pieces), tuple(marks))


def same(one: str, other: str) -> bool:
    """Whether two texts are the same but for markers and blanks."""
    return _bare(one) == _bare(other)


def _cited(sentence: dict[str, Any]) -> Iterator[tuple[int, str]]:
    yield from ((citation, "") for citation in sentence["citations"])
    yield from ((citation, "≠") for citation in sentence.get("disputed", []))


def _bare(text: str) -> str:
    return "".join(MARKER.sub("", text).split())
