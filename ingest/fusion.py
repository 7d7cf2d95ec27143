"""Two rankings of chunks become one, judged by the pages that the chunks stand on.

Scores are added, each as a share of the best in its ranking: unlike ranks they tell a clear winner
from a first among equals (Bruch, Gai and Ingber, ACM TOIS 2023). A page counts by its best chunk
and a little by its others, and once a page has had its say, others are heard before its next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

#: How much vectors and words count.
WEIGHTS = (1.0, 1.0)
NEIGHBOUR = 0.2  #: what each further chunk of a page adds to it, of the one before
REPEATED = 0.8  #: what each further chunk of a page counts, of the one before
FAVOUR = 1.0  #: what the document that the question speaks of gains


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a ranking brought, and where it is."""

    chunk_id: str
    version_id: str
    page: int
    similarity: float | None  #: cosine, if the vectors found it
    words: float | None  #: lexical score, if the words found it


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its place in the one ranking."""

    candidate: Candidate
    score: float  #: 0 … 1; only its order means something


def ranked(candidates: Sequence[Candidate], favoured: Mapping[str, float]) -> list[Ranked]:
    """The candidates, best first; `favoured` says how much each version is spoken of, 0 … 1."""
    scores = _scores(candidates, favoured)
    order = sorted(candidates, key=lambda one: -scores[one.chunk_id])
    found = list(_by_pages(order, scores))
    most = sum(WEIGHTS) * (1 + FAVOUR) / (1 - NEIGHBOUR)
    best = [Ranked(one, round(score / most, 4)) for one, score in found]
    return sorted(best, key=lambda one: -one.score)


def _scores(candidates: Sequence[Candidate], favoured: Mapping[str, float]) -> Mapping[str, float]:
    best_similarity = max((one.similarity or 0.0 for one in candidates), default=0.0) or 1.0
    best_words = max((one.words or 0.0 for one in candidates), default=0.0) or 1.0
    by_vectors, by_words = WEIGHTS
    return {
        one.chunk_id: (1 + FAVOUR * favoured.get(one.version_id, 0.0))
        * (
            by_vectors * max(one.similarity or 0.0, 0.0) / best_similarity
            + by_words * (one.words or 0.0) / best_words
        )
        for one in candidates
    }


def _by_pages(
    order: Iterable[Candidate], scores: Mapping[str, float]
) -> Iterator[tuple[Candidate, float]]:
    pages: defaultdict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for one in order:
        pages[one.version_id, one.page].append(one)
    for chunks in pages.values():
        heard = 0.0
        for one in reversed(chunks):
            heard = scores[one.chunk_id] + NEIGHBOUR * heard
        for place, one in enumerate(chunks):
            share = scores[one.chunk_id] / (scores[chunks[0].chunk_id] or 1.0)
            yield one, heard * share * REPEATED**place
