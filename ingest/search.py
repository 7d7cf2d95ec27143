"""Question → passages of one collection or document, best first, each checked against SQL.

Vectors find what means the same, words find names, numbers and every language the embedder does
not know; `ingest.fusion` makes one ranking of both. Where the question speaks of some documents,
these are searched besides the whole collection. Both indexes are caches: what they return counts
only if SQL still has it, in this collection, in the current version of a document that is ready.
Vectors are asked for in the generation that serves, by the embedder that made it. Without one of
both the words alone have to do.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from ingest import fusion, generations, lexical, passages
from ingest.addressed import addressed
from ingest.database import reading
from ingest.embed import Embedder
from ingest.embedders import Embedders
from ingest.errors import (
    CollectionNotFound,
    DocumentNotFound,
    EmbedderMissing,
    IndexLost,
    IndexUnavailable,
)
from ingest.filters import Part
from ingest.generations import Generation
from ingest.lexical import WordHit
from ingest.nearest import among_few
from ingest.passages import Found, Scope
from ingest.query import Query, understand
from ingest.reranker import Reranker
from ingest.surroundings import surrounded
from ingest.tables import CollectionRow
from ingest.vectors import Hit, VectorIndex

#: Asked of each index; more than anybody wants, because fusion reorders and SQL drops some.
DEPTH = 100
#: Documents that an index is asked for by their versions; if a filter lets more through, or pages
#: of all, so many of the nearest in the whole collection are asked for, and SQL keeps what fits.
MOST_NAMED, NEAREST = 200, 1_000
#: Passages that are found for each that is shown: most a better one can take in are two.
TAKEN_IN = 3
#: First of the ranking, that a reranker is given: in most searches the evidence is among them.
RERANKED = 24
#: A question with more unknown tokens than this has no meaningful vector.
UNKNOWN_SHARE = 0.3
#: Documents that are spoken of at least so much are searched on their own, but no more than these.
SPOKEN_OF = 0.5
MOST_SPOKEN_OF = 8


@dataclass(frozen=True, slots=True)
class Means:
    """What a search is done with."""

    embedders: Embedders
    index: VectorIndex
    reranker: Reranker | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search brought, and where the time went."""

    passages: tuple[Found, ...]
    documents_searched: int
    lacking: str | None  #: code of what was missing, so that words alone had to do
    timings: dict[str, float]  #: milliseconds by stage

    @property
    def searched(self) -> dict[str, Any]:
        """What the search looked through, as the REST interface shows it."""
        return {
            "documents": self.documents_searched,
            "degraded": self.lacking is not None,
            "lacking": self.lacking,
        }


@dataclass(frozen=True, slots=True)
class _Places:
    """The parts of an index to look into."""

    collection_id: str
    parts: tuple[Part, ...]  #: the last is the narrowest; none where nothing can be found
    favoured: Mapping[str, float]  #: versions that the question speaks of, and how much
    documents: int


def find(
    scope: Scope,
    query: str,
    limit: int,
    means: Means,
) -> Findings:
    """The `limit` best passages. Raises CollectionNotFound, DocumentNotFound."""
    clock = _Clock()
    asked = understand(query)
    with reading() as session:
        serving = _serving(session, scope)
        places = _places(session, scope, query)
        clock.lap("understand_ms")
        by_words = _by_words(session, places, asked)
    clock.lap("words_ms")
    similar: dict[str, float] = {}
    lacking: str | None = None
    try:
        similar = _similar(places, asked, _dense(serving, means), clock)
    except (IndexUnavailable, EmbedderMissing) as error:
        lacking = error.code if places.documents else None
    with reading() as session:
        there = passages.candidates(session, scope, similar, by_words)
        depth = limit if means.reranker is None else max(limit, RERANKED)
        best = fusion.ranked(there, places.favoured)[:depth]
        found = list(passages.passages(session, scope, best))
    clock.lap("check_ms")
    if means.reranker is not None:
        found = means.reranker.reordered(query, found)[:limit]
        clock.lap("rerank_ms")
    return Findings(tuple(found), places.documents, lacking, clock.laps)


def find_surrounded(
    scope: Scope,
    query: str,
    limit: int,
    means: Means,
) -> Findings:
    """The `limit` best passages with their neighbours, for readers. Raises as `find`."""
    findings = find(scope, query, TAKEN_IN * limit, means)
    clock = _Clock()
    with reading() as session:
        shown = tuple(islice(surrounded(session, findings.passages), limit))
    clock.lap("surroundings_ms")
    return replace(findings, passages=shown, timings=findings.timings | clock.laps)


def _serving(session: Session, scope: Scope) -> Generation | None:
    """The generation to ask, None before anything was embedded. Raises CollectionNotFound."""
    collection = session.get(CollectionRow, scope.collection_id)
    if collection is None or collection.deleting:
        raise CollectionNotFound(id=scope.collection_id)
    return generations.serving(session, scope.collection_id)


def _places(session: Session, scope: Scope, question: str) -> _Places:
    documents = passages.count(session, scope)
    if scope.document_id is not None and not documents and not scope.only.narrows:
        raise DocumentNotFound(id=scope.document_id)
    favoured: Mapping[str, float] = {}
    parts: list[Part] = []
    if scope.document_id is None and not scope.only.narrows:
        parts.append(Part(pages=scope.only.pages))
    elif documents > MOST_NAMED:
        parts.append(Part(pages=scope.only.pages, only=scope.only))
    elif documents:
        parts.append(Part(tuple(passages.versions(session, scope)), scope.only.pages))
    if scope.document_id is None:
        favoured = addressed(session, scope, documents, question)
        if alone := _spoken_of(favoured):
            parts.append(Part(alone, scope.only.pages))
    return _Places(scope.collection_id, tuple(parts), favoured, documents)


def _spoken_of(favoured: Mapping[str, float]) -> tuple[str, ...]:
    best = sorted(favoured, key=lambda version: -favoured[version])[:MOST_SPOKEN_OF]
    return tuple(version for version in best if favoured[version] >= SPOKEN_OF)


def _by_words(session: Session, places: _Places, asked: Query) -> dict[str, float]:
    """Chunks by their lexical score."""

    def search(words: Sequence[str], part: Part) -> list[WordHit]:
        return lexical.search(session, places.collection_id, words, DEPTH, part)

    if not places.parts:
        return {}
    found = search(asked.all_words, places.parts[-1])
    if len(places.parts) > 1:  # common words take long in a whole collection, and tell less
        found += search(asked.words, places.parts[0])
    return {hit.chunk_id: hit.score for hit in reversed(found)}


@dataclass(frozen=True, slots=True)
class _Dense:
    """The vectors of a collection, and who can ask for them."""

    generation_id: str
    embedder: Embedder
    index: VectorIndex


def _dense(serving: Generation | None, means: Means) -> _Dense:
    """Raises IndexLost where nothing was ever embedded, EmbedderMissing."""
    if serving is None:
        raise IndexLost
    embedder = means.embedders.of(serving)
    if embedder is None:
        raise EmbedderMissing(path=serving.folder or serving.name)
    return _Dense(serving.id, embedder, means.index)


def _similar(places: _Places, asked: Query, dense: _Dense, clock: "_Clock") -> dict[str, float]:
    """Chunks by their similarity. Raises IndexUnavailable."""
    if dense.embedder.unknown_share(asked.text) > UNKNOWN_SHARE:
        return {}
    vector = _vector(asked, dense.embedder)
    clock.lap("embed_ms")
    try:
        return {
            hit.chunk_id: hit.similarity
            for part in places.parts
            for hit in _nearest(dense, vector, part)
        }
    finally:
        clock.lap("vectors_ms")


def _nearest(dense: _Dense, vector: Any, part: Part) -> list[Hit]:
    with reading() as session:
        few = among_few(session, dense.generation_id, part, vector, DEPTH)
    if few is not None:
        return few
    depth = NEAREST if part.unnamed else DEPTH
    return dense.index.search(dense.generation_id, vector, depth, part)


def _vector(asked: Query, embedder: Embedder) -> Any:
    """Where to look: at the question, or between it and what its pages would say."""
    vector = embedder.embed_question(asked.text)
    if not asked.cue:
        return vector
    both = vector + embedder.embed_question(asked.cue)
    return both / np.linalg.norm(both)


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """The time since the last lap belongs to `stage`."""
        moment = time.perf_counter()
        self.laps[stage] = round(1e3 * (moment - self._last), 2)
        self._last = moment
