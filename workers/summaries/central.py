"""Which sentences of a text the rest of it speaks of most."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.words import STOP, words
from workers.language import CJK
from workers.meaning import WORDS_ONLY, Meaning
from workers.sentences import CLOSING, FULL_STOPS, sentence_spans
from workers.summaries.lengths import length_of
from workers.summaries.spoken import SMALL_TALK, rambling, readable, speakers

#: Changes with the rules below: part of the content keys of what they have chosen.
VERSION = 3
SHORTEST, LONGEST = 40, 320  #: characters of a sentence worth quoting
SHORTEST_CJK = 14
CJK_SHARE = 0.25
FOCUS = 4.0  #: how many times as much a word counts that the reader has asked about
#: Measured on meetings (docs/decisions/0029-summaries.md): what a sentence gains by its length,
#: what a question, a spoken one that is hard to read, and one that says what a better one has said
#: lose.
FULL_LENGTH, FULL_LENGTH_SPOKEN, LENGTH_GAIN = 25, 15, 0.25
RAMBLING_LOSS = 0.25
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
    form = np.array([_form(text, spoken=bool(names)) for text in texts])
    return [spans[place] for place in _by_meaning(form, vectors, asked=bool(focus))]


def _form(text: str, *, spoken: bool) -> float:
    """What a sentence is worth whatever it says."""
    full = FULL_LENGTH_SPOKEN if spoken else FULL_LENGTH
    worth = LENGTH_GAIN * min(1.0, length_of(text) / full)
    worth -= QUESTION_LOSS * text.rstrip(CLOSING).endswith(QUESTIONS)
    return worth - RAMBLING_LOSS * rambling(text) if spoken else worth


def _by_meaning(form: Any, vectors: Any, *, asked: bool) -> list[int]:
    own = vectors[: len(form)]
    middle = own.mean(axis=0)
    worth = own @ (middle / np.linalg.norm(middle)) + form
    if asked:
        worth += own @ vectors[-1]
    order: list[int] = []
    repeated = np.zeros(len(form))
    for _ in form:
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
