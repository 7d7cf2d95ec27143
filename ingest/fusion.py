"""Two rankings of chunks become one, judged by the pages that the chunks stand on.

Ranks are fused, not scores, which no two indexes make alike (reciprocal rank fusion: Cormack,
Clarke and Büttcher, SIGIR 2009); only a ranking that is alone is judged by its scores. A page
counts by its best chunk and a little by its others, and once a page has had its say, others are
heard before its next chunk.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

RANK = 60  #: the paper's constant: how fast lower ranks stop to matter
#: How much vectors and words count.
VECTORS, WORDS = 0.8, 1.0
NEIGHBOUR = 0.1  #: what each further chunk of a page adds to it, of the one before
REPEATED = 0.7  #: what each further chunk of a page counts, of the one before
FAVOUR = 1.0  #: what the document that the question speaks of gains
MOST = (VECTORS + WORDS) * (1 + FAVOUR) / (1 - NEIGHBOUR)


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
    found = [Ranked(one, round(score / MOST, 4)) for one, score in _by_pages(order, scores)]
    return sorted(found, key=lambda one: -one.score)


def _scores(candidates: Sequence[Candidate], favoured: Mapping[str, float]) -> Mapping[str, float]:
    similar = {one.chunk_id: one.similarity for one in candidates if one.similarity is not None}
    by_words = {one.chunk_id: one.words for one in candidates if one.words is not None}
    fused = _fused(similar, by_words) if similar and by_words else _shares(similar or by_words)
    return {
        one.chunk_id: fused[one.chunk_id] * (1 + FAVOUR * favoured.get(one.version_id, 0.0))
        for one in candidates
    }


def _fused(similar: Mapping[str, float], by_words: Mapping[str, float]) -> Mapping[str, float]:
    near, said = _ranks(similar), _ranks(by_words)
    return {one: VECTORS * near.get(one, 0) + WORDS * said.get(one, 0) for one in {**near, **said}}


def _ranks(scores: Mapping[str, float]) -> Mapping[str, float]:
    order = sorted(scores, key=lambda chunk_id: -scores[chunk_id])
    return {chunk_id: (RANK + 1) / (RANK + 1 + rank) for rank, chunk_id in enumerate(order)}


def _shares(scores: Mapping[str, float]) -> Mapping[str, float]:
    """A ranking that is alone: its scores say more than ranks, a clear winner above all."""
    most = max(scores.values(), default=0.0) or 1.0
    return {chunk_id: max(score, 0.0) / most for chunk_id, score in scores.items()}


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
