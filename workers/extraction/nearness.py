"""How near to a value the words stand that describe its field: “a coupon of 4.15 per cent”."""

from collections.abc import Iterator
from functools import lru_cache

from ingest.words import RUN, question_words, words
from workers.language import CJK
from workers.relevance import stem

Span = tuple[int, int]
#: Characters after which nearness is half as much; a Chinese word has two.
HALF, HALF_CJK = 20, 8


def stems_of(about: str) -> frozenset[str]:
    """The words that describe a field, as they are compared."""
    return frozenset(map(stem, question_words(about)))


def nearness(sought: frozenset[str], text: str, span: Span) -> float:
    """0 … 1: which of the words stand in the text, each counted by its distance from the span."""
    half = (
        HALF_CJK if CJK.search(text[span[0] - 1 : span[0]] + text[span[1] : span[1] + 2]) else HALF
    )
    best: dict[str, float] = {}
    for word, start, end in _standing(sought, text):
        gap = max(span[0] - end, start - span[1])
        if gap >= 0:
            best[word] = max(best.get(word, 0.0), 1 / (1 + gap / half))
    return sum(best.values()) / len(sought) if sought else 0.0


@lru_cache(32)
def _standing(sought: frozenset[str], text: str) -> tuple[tuple[str, int, int], ...]:
    """Where the words stand. Kept: of a table's long line it is asked for each of its figures."""
    return tuple(each for each in _words(text) if each[0] in sought)


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Every word with its place; of Chinese every pair of characters."""
    for match in RUN.finditer(text):
        if CJK.match(match.group()):
            for place, pair in enumerate(words(match.group()), match.start()):
                yield pair, place, place + 2
        else:
            yield from ((stem(word), *match.span()) for word in words(match.group()))
