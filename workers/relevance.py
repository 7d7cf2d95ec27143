"""Which sentences of the evidence speak of what was asked, and how surely.

Without a language model: words the question and the sentence share, and, in the languages the
embedder knows, how near their vectors are. This decides two things: whether there is any
evidence at all, and what is quoted when the model's own words can't be proved.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.embed import Embedder
from ingest.search import UNKNOWN_SHARE, Found
from ingest.words import question_words, words
from workers.citations import Place, places_of

#: Sentences that are compared by vector; the rest lost already by their words.
COMPARED = 24
SUFFIXES = ("ing", "ed", "es", "s", "ly")
STEM_LENGTH = 4
#: Questions whose answer is a number or a date, and what a sentence without a digit loses.
ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|long|old|far|high|large|big|tall)\b|\bwhen\b"
    r"|\bwhat (?:year|date|percentage|age)\b"
    r"|多少|幾|几|何時|哪一年|多久|多長|多高|多大|多遠|上限|期限",
    re.IGNORECASE,
)
DIGIT = re.compile(r"\d|[一二三四五六七八九十百千萬]+(?:[年月日天個次元公])")
NO_NUMBER = 0.15
LENGTH_LOSS = 0.0002  #: for each character: of two that say it, the shorter
PASSAGE_CREDIT = 0.35  #: what a question's word counts that stands near the sentence, not in it


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the evidence, as an answer."""

    place: Place
    score: float  #: 0 … 1


def best_quote(question: str, evidence: Sequence[Found], embedder: Embedder) -> Quote | None:
    """The sentence, or two neighbours, that answers best; None without evidence."""
    asked = stems(question_words(question))
    scored = [
        (_shared(asked, place), place) for passage in evidence for place in places_of(passage)
    ]
    scored.sort(key=lambda each: -each[0])
    finalists = scored[:COMPARED]
    if not finalists:
        return None
    near = _similarities(question, [place for _, place in finalists], embedder)
    wants_number = ASKS_NUMBER.search(question) is not None
    quotes = [
        Quote(place, round((shared + similar) / 2 - _loss(place.text, wants_number), 4))
        for (shared, place), similar in zip(finalists, near, strict=True)
    ]
    return max(quotes, key=lambda quote: quote.score)


def _loss(text: str, wants_number: bool) -> float:
    """What a sentence loses by its length and by holding no number where one is asked for."""
    missing = wants_number and DIGIT.search(text) is None
    return LENGTH_LOSS * len(text) + (NO_NUMBER if missing else 0.0)


def stems(found: Sequence[str]) -> frozenset[str]:
    """Words without their commonest English endings."""
    return frozenset(map(_stem, found))


def _shared(asked: frozenset[str], place: Place) -> float:
    """Share of the asked words in the sentence; those only around it count for less."""
    if not asked:
        return 0.0
    inside = asked & stems(tuple(words(place.text)))
    around = asked & stems(tuple(words(f"{place.passage.heading} {place.passage.text}")))
    return (len(inside) + PASSAGE_CREDIT * len(around - inside)) / len(asked)


def _similarities(question: str, places: Sequence[Place], embedder: Embedder) -> list[float]:
    """Cosine of question and sentence; for an unknown language the words decide alone."""
    if embedder.unknown_share(question) > UNKNOWN_SHARE:
        asked = stems(question_words(question))
        return [_shared(asked, place) for place in places]
    vectors = embedder.embed([question, *(place.text for place in places)])
    return [float(similarity) for similarity in vectors[1:] @ vectors[0]]


def _stem(word: str) -> str:
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= STEM_LENGTH:
            return word[: -len(suffix)]
    return word
