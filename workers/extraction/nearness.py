"""How near to a value the words stand that describe its field: “a coupon of 4.15 per cent”."""

from collections.abc import Iterator

from ingest.words import RUN, question_words, words
from workers.language import CJK
from workers.relevance import stem

Span = tuple[int, int]
#: Characters after which nearness is half as much; a Chinese word has two.
HALF, HALF_CJK = 20, 8


def stems_of(about: str) -> frozenset[str]:
    """The words that describe a field, as they are compared."""
    return frozenset(map(stem, question_words(about)))


class Line:
    """A line in which the words of a field are looked for, once for all of its figures."""

    def __init__(self, sought: frozenset[str], text: str) -> None:
        self._text, self._sought = text, len(sought)
        self._standing = [each for each in _words(text) if each[0] in sought]

    def nearness(self, span: Span) -> float:
        """0 … 1: which of the words stand in it, each counted by its distance from the span."""
        around = self._text[span[0] - 1 : span[0]] + self._text[span[1] : span[1] + 2]
        half = HALF_CJK if CJK.search(around) else HALF
        best: dict[str, float] = {}
        for word, start, end in self._standing:
            gap = max(span[0] - end, start - span[1])
            if gap >= 0:
                best[word] = max(best.get(word, 0.0), 1 / (1 + gap / half))
        return sum(best.values()) / self._sought if self._sought else 0.0


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Every word with its place; of Chinese every pair of characters."""
    for match in RUN.finditer(text):
        if CJK.match(match.group()):
            for place, pair in enumerate(words(match.group()), match.start()):
                yield pair, place, place + 2
        else:
            yield from ((stem(word), *match.span()) for word in words(match.group()))
