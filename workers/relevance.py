"""Which sentences of the evidence speak of what was asked, and how surely.

Without a language model: words the question and the sentence share, and, in the languages the
embedder knows, how near their vectors are. This decides two things: whether there is any
evidence at all, and what is quoted when the model's own words can't be proved.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.embed import Embedder
from ingest.passages import Found
from ingest.search import UNKNOWN_SHARE
from ingest.words import question_words, words
from workers.citations import Place, places_of
from workers.sentences import CLOSING, FULL_STOPS

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
#: Words alone are scored on the scale of words and vectors, so that equal scores mean about the
#: same: the power lifts the low ones, the factor lets 0.27 be what 0.22 is there.
WORDS_ONLY, WORDS_SCALE = 0.7, 0.85
FRAGMENT = 0.1  #: what a title or a table row loses: it seldom says something
UNSEEN = 0.5  #: how often a word counts as seen that no evidence holds
LENGTH_LOSS = 0.0002  #: for each character: of two that say it, the shorter
PASSAGE_CREDIT = 0.35  #: what a question's word counts that stands near the sentence, not in it


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the evidence, as an answer."""

    place: Place
    score: float  #: 0 … 1


def best_quote(question: str, evidence: Sequence[Found], embedder: Embedder) -> Quote | None:
    """The sentence, or neighbours, that answers best; None without evidence."""
    places = [place for passage in evidence for place in places_of(passage)]
    quotes = judged(question, places, evidence, embedder)
    return max(quotes, key=lambda quote: quote.score, default=None)


def judged(
    question: str, places: Iterable[Place], evidence: Sequence[Found], embedder: Embedder
) -> list[Quote]:
    """The places of the evidence that share most words with the question, each with its score."""
    bags = {passage: _stems(f"{passage.heading} {passage.text}") for passage in evidence}
    asked = _weights(question, list(bags.values()))
    scored = [(_shared(asked, place.text, bags[place.passage]), place) for place in places]
    scored.sort(key=lambda each: -each[0])
    finalists = scored[:COMPARED]
    if not finalists:
        return []
    near = _similarities(question, finalists, embedder)
    wants_number = ASKS_NUMBER.search(question) is not None
    return [
        Quote(place, round((shared + similar) / 2 - _loss(place.text, wants_number), 4))
        for (shared, place), similar in zip(finalists, near, strict=True)
    ]


def _weights(question: str, bags: Sequence[frozenset[str]]) -> dict[str, float]:
    """The question's words and how much each tells: rare ones in the evidence tell most."""
    return {
        word: math.log(1 + len(bags) / (UNSEEN + sum(word in bag for bag in bags)))
        for word in map(stem, question_words(question))
    }


def _shared(asked: dict[str, float], text: str, around: frozenset[str]) -> float:
    """Share of the question's weight in the sentence; what is only around it counts for less."""
    total = sum(asked.values())
    if not total:
        return 0.0
    inside = _stems(text)
    weight = sum(
        asked[word] * (1.0 if word in inside else PASSAGE_CREDIT)
        for word in asked.keys() & (inside | around)
    )
    return weight / total


def _similarities(
    question: str, finalists: Sequence[tuple[float, Place]], embedder: Embedder
) -> list[float]:
    """Cosine of question and sentence; for an unknown language the words decide alone."""
    if embedder.unknown_share(question) > UNKNOWN_SHARE:
        return [2 * WORDS_SCALE * shared**WORDS_ONLY - shared for shared, _ in finalists]
    vectors = embedder.embed([place.text for _, place in finalists])
    return [float(similarity) for similarity in vectors @ embedder.embed_question(question)]


def _loss(text: str, wants_number: bool) -> float:
    """What a place loses: by its length, by being no sentence, by lacking the number asked for."""
    missing = wants_number and DIGIT.search(text) is None
    fragment = not text.rstrip(CLOSING).endswith(FULL_STOPS)
    return (
        LENGTH_LOSS * len(text) + (NO_NUMBER if missing else 0.0) + (FRAGMENT if fragment else 0.0)
    )


def _stems(text: str) -> frozenset[str]:
    return frozenset(map(stem, words(text)))


def stem(word: str) -> str:
    """A word without the commonest English endings."""
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= STEM_LENGTH:
            return word[: -len(suffix)]
    return word
