"""Made documents: words by Zipf's law in English and Chinese, names, codes, figures, vectors.

Every document comes from the seed and its number alone, so a collection that grows keeps what it
has. Words and vectors mean nothing; what is like the real thing is how often words come, how many
share a chunk, and that vectors stand in clusters of few dimensions.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.accounting import BALANCE, CASH, INCOME
from ingest.words import STOP

SEED = 5
#: Distinct words of each language. The commonest English ones are those that questions leave out,
#: then those of accounts.
ENGLISH, CHINESE = 200_000, 40_000
COMMON = 20_000
CHUNK_WORDS, CHUNK_CHARACTERS = 130, 190  #: about 200 of the embedder's tokens
TOPICAL = 0.3  #: share of a chunk's words that its topic prefers
TOPICS, DIMENSIONS, INNER = 500, 384, 48
DOCUMENT, NOISE = 0.5, 0.8  #: how far documents and chunks stray from their topic
MIDDLE_CHUNKS, SPREAD, MOST_CHUNKS = 20, 0.9, 400  #: of a document: log-normal, 30 on average
PAGE_CHUNKS = 3
CHINESE_EVERY = 5  #: one document of so many
TAGS, TYPES = 40, ("application/pdf", "text/plain", "text/markdown", "text/html")
KINDS = ("report", "minutes", "contract", "manual", "letter", "audit", "budget", "survey")
DAY, FIRST_DAY = 86_400.0, 1_700_000_000.0
_ONSETS = "b d f g h k l m n p r s t v z br dr gr kl pl st tr".split()
_VOWELS = "a e i o u ai ou".split()


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """One document with its chunks; every `PAGE_CHUNKS` of them are a page."""

    number: int
    name: str
    media_type: str
    tags: tuple[str, ...]
    created_at: float  #: seconds since the epoch
    chinese: bool
    code: str  #: stands in one chunk of it
    chunks: tuple[str, ...]
    vectors: Any  #: float32, unit length, a row for each chunk

    def key(self, prefix: str, part: int = 0) -> str:
        """An id like those of the library."""
        seed = f"{prefix} {self.number} {part}".encode()
        return f"{prefix}_{hashlib.blake2b(seed, digest_size=10).hexdigest()}"


class Maker:
    """The words and the topics that all documents are made of."""

    def __init__(self) -> None:
        source = np.random.default_rng(SEED)
        self._english = np.array(list(_english()), dtype=object)
        self._chinese = np.array(list(_chinese()), dtype=object)
        self._plane = source.normal(size=(INNER, DIMENSIONS)).astype(np.float32)
        self._plane /= np.sqrt(INNER)
        self._centres = source.normal(size=(TOPICS, INNER)).astype(np.float32)

    def documents(self, first: int = 0) -> Iterator[MadeDocument]:
        """All of them from a number on, without end."""
        while True:
            yield self.document(first)
            first += 1

    def document(self, number: int) -> MadeDocument:
        """That of a number."""
        source = np.random.default_rng((SEED, number))
        topic = int(source.integers(TOPICS))
        count = min(MOST_CHUNKS, 1 + int(MIDDLE_CHUNKS * np.exp(SPREAD * source.normal())))
        chinese = number % CHINESE_EVERY == CHINESE_EVERY - 1
        entity = self._name(source)
        code = f"{entity[:2].upper()}-{10_000 + number}"
        texts = [self._text(source, topic, chinese) for _ in range(count)]
        texts[int(source.integers(count))] += f" {entity} {code}."
        return MadeDocument(
            number=number,
            name=f"{entity}-{source.choice(KINDS)}-{int(source.integers(2010, 2026))}.pdf",
            media_type=str(TYPES[number % len(TYPES)]),
            tags=tuple(sorted({f"tag{int(TAGS * source.random() ** 2)}" for _ in range(2)})),
            created_at=FIRST_DAY + DAY * float(source.integers(1_000)),
            chinese=chinese,
            code=code,
            chunks=tuple(texts),
            vectors=self._vectors(source, topic, count),
        )

    def _vectors(self, source: np.random.Generator, topic: int, count: int) -> Any:
        own = DOCUMENT * source.normal(size=INNER)
        inner = self._centres[topic] + own + NOISE * source.normal(size=(count, INNER))
        made = inner.astype(np.float32) @ self._plane
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def _text(self, source: np.random.Generator, topic: int, chinese: bool) -> str:
        known = self._chinese if chinese else self._english
        count = CHUNK_CHARACTERS // 2 if chinese else CHUNK_WORDS
        ranks = zipf(source.random(count), len(known))
        topical = source.random(count) < TOPICAL
        own = 200 + (7_919 * topic + zipf(source.random(count), 2_000)) % (len(known) // 8)
        chosen = known[np.where(topical, own, ranks)]
        figures = " ".join(f"{value:,}" for value in source.integers(10, 5_000_000, size=4))
        if chinese:
            return "，".join("".join(chosen[at : at + 8]) for at in range(0, count, 8)) + figures
        return " ".join(chosen) + f" {figures}"

    def _name(self, source: np.random.Generator) -> str:
        rank = int(source.integers(5_000, ENGLISH))
        return str(self._english[rank]).capitalize()


def zipf(shares: Any, count: int) -> Any:
    """Ranks of Zipf's law, exponent 1: the k-th word comes about 1 ÷ k as often as the first."""
    return np.minimum((count + 1.0) ** shares - 1, count - 1).astype(np.int64)


def _english() -> Iterator[str]:
    """Grammar first and what accounts are full of, then syllables; common words are shorter."""
    real = [*sorted(STOP, key=lambda word: (len(word), word)), *sorted(_accounts() - STOP)]
    yield from real
    syllables = [onset + vowel for onset in _ONSETS for vowel in _VOWELS]
    count = len(syllables)
    for number in range(ENGLISH - len(real)):
        if number < COMMON:
            first, second = divmod(61 * number % count**2, count)
            yield f"{syllables[first]}{syllables[second]}{'nrlsk'[number % 5]}"
        else:
            rest, first = divmod(7_001 * number % count**3, count)
            second, third = divmod(rest, count)
            yield f"{syllables[first]}{syllables[second]}{syllables[third]}"


def _accounts() -> set[str]:
    return {word for statement in (BALANCE, INCOME, CASH) for word in statement.split()}


def _chinese() -> Iterator[str]:
    """Pairs of characters."""
    for number in range(CHINESE):
        first, second = divmod(4_999 * number % 4_000_000, 2_000)
        yield chr(0x4E00 + first) + chr(0x5600 + second)
