"""Which sentences of a text the rest of it speaks of most."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.words import STOP, words
from workers.citations import CLOSING, FULL_STOPS, sentence_spans
from workers.language import CJK
from workers.meaning import WORDS_ONLY, Meaning
from workers.summaries.lengths import length_of
from workers.summaries.spoken import SMALL_TALK, readable, speakers

#: Changes with the rules below: part of the content keys of what they have chosen.
VERSION = 2
SHORTEST, LONGEST = 40, 320  #: characters of a sentence worth quoting
SHORTEST_CJK = 14
CJK_SHARE = 0.25
FOCUS = 4.0  #: how many times as much a word counts that the reader has asked about
#: Measured on meetings (docs/decisions/0029-summaries.md): what a sentence gains by its length,
#: what a question loses, and what one loses that says what a better one has said.
FULL_LENGTH, LENGTH_GAIN = 25, 0.25
QUESTION_LOSS = 0.1
REPETITION_LOSS = 0.4
QUESTIONS = ("?", "？")

Span = tuple[int, int]


def central(source: str, focus: str = "", meaning: Meaning = WORDS_ONLY) -> list[Span]:
    """Its sentences, the most central first; those that speak of `focus` before the others.

    Where their meaning is known, by how near each is to the mean of all and how far from those
    before it (maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998). Else by how often
    the others use its words (Luhn, 1958), the best of every paragraph before the second best.
    """
    return _ranked(source, list(sentence_spans(source)), focus, meaning)


def quotable(source: str, focus: str = "", meaning: Meaning = WORDS_ONLY) -> list[Span]:
    """The same without table rows, titles, page footers and fragments."""
    spans = [span for span in sentence_spans(source) if _quotable(source[slice(*span)])]
    return _ranked(source, spans, focus, meaning)


def without(text: str, span: Span) -> str:
    """The text without one of its sentences and the white space behind it."""
    rest = text[span[1] :]
    return text[: span[0]] + rest.lstrip(" \t\n" if text[: span[0]].endswith("\n") else " \t")


def mostly_cjk(text: str) -> bool:
    """Whether the text is Chinese: written without spaces."""
    return len(CJK.findall(text)) > CJK_SHARE * len(text)


def _ranked(source: str, spans: list[Span], focus: str, meaning: Meaning) -> list[Span]:
    names = speakers(source)
    texts = [readable(source[slice(*span)], names) for span in spans]
    vectors = meaning.vectors([*texts, focus] if focus else texts)
    if vectors is None:
        return _spread(_by_words(spans, texts, focus), source)
    return [spans[place] for place in _by_meaning(texts, vectors, asked=bool(focus))]


def _by_meaning(texts: Sequence[str], vectors: Any, *, asked: bool) -> list[int]:
    own = vectors[: len(texts)]
    middle = own.mean(axis=0)
    worth = own @ (middle / np.linalg.norm(middle))
    worth += LENGTH_GAIN * np.array([min(1.0, length_of(text) / FULL_LENGTH) for text in texts])
    worth -= QUESTION_LOSS * np.array([text.rstrip(CLOSING).endswith(QUESTIONS) for text in texts])
    if asked:
        worth += own @ vectors[-1]
    order: list[int] = []
    repeated = np.zeros(len(texts))
    for _ in texts:
        value = worth - REPETITION_LOSS * repeated
        value[order] = -np.inf
        order.append(int(value.argmax()))
        repeated = np.maximum(repeated, own @ own[order[-1]])
    return order


def _by_words(spans: Sequence[Span], texts: Sequence[str], focus: str) -> list[Span]:
    bags = [_bag(text) for text in texts]
    frequency = Counter(word for bag in bags for word in bag)
    asked = _bag(focus)

    def weight(index: int) -> float:
        shared = sum(frequency[word] - 1 for word in bags[index])
        wanted = FOCUS * len(bags) * len(bags[index] & asked)
        return (shared + wanted) / (len(bags[index]) + 3)

    return [spans[index] for index in sorted(range(len(spans)), key=weight, reverse=True)]


def _bag(text: str) -> set[str]:
    return {word for word in words(text) if word not in STOP and word not in SMALL_TALK}


def _spread(spans: Sequence[Span], source: str) -> list[Span]:
    ends = [place for place in range(len(source)) if source.startswith("\n\n", place)]
    seen: Counter[int] = Counter()
    ranked = []
    for span in spans:
        paragraph = bisect_right(ends, span[0])
        ranked.append((seen[paragraph], span))
        seen[paragraph] += 1
    return [span for _, span in sorted(ranked, key=lambda each: each[0])]


def _quotable(sentence: str) -> bool:
    shortest = SHORTEST_CJK if mostly_cjk(sentence) else SHORTEST
    digits = sum(character.isdigit() for character in sentence)
    return (
        shortest <= len(sentence) <= LONGEST
        and sentence.rstrip(CLOSING).endswith(FULL_STOPS)
        and digits < len(sentence) / 5
        and " | " not in sentence
    )
