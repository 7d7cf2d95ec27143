"""Question → passages of one collection or document, best first, each checked against SQL.

Two rankings are fused by reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009): vectors find
what means the same, words find names, numbers and every language the embedder does not know. Both
indexes are caches: what they return counts only if SQL still has it, in this collection, in the
current version of a document that is ready. Without the vectors the words alone have to do.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from ingest import lexical
from ingest.database import reading
from ingest.embed import Embedder
from ingest.errors import (
    CollectionNotFound,
    DocumentNotFound,
    EmbedderMismatch,
    IndexUnavailable,
)
from ingest.tables import ChunkRow, CollectionRow, DocumentRow, DocumentStatus, PageRow, VersionRow
from ingest.vectors import VectorIndex

#: Asked of each index; more than anybody wants, because fusion reorders and SQL drops some.
DEPTH = 24
#: The rank constant of the paper: how fast lower ranks stop to matter.
RANK = 60
#: A question with more unknown tokens than this has no meaningful vector.
UNKNOWN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may hold the answer."""

    chunk_id: str
    document_id: str
    document_name: str
    version_id: str
    page: int
    char_start: int
    char_end: int
    heading: str
    text: str
    score: float  #: fused, 0 … 1; only its order means something
    similarity: float | None  #: cosine, if the vectors found it
    words: float | None  #: lexical score, if the words found it

    def public(self) -> dict[str, Any]:
        """The passage as the REST interface shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search brought, and where the time went."""

    passages: tuple[Found, ...]
    documents_searched: int
    degraded: bool  #: found by words alone, for want of the vector index
    timings: dict[str, float]  #: milliseconds by stage


@dataclass(frozen=True, slots=True)
class _Ranked:
    chunk_id: str
    score: float
    similarity: float | None
    words: float | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: in a whole collection, or in one document of it."""

    collection_id: str
    document_id: str | None = None


def find(scope: Scope, query: str, limit: int, embedder: Embedder, index: VectorIndex) -> Findings:
    """The `limit` best passages.

    Raises CollectionNotFound, DocumentNotFound or EmbedderMismatch.
    """
    clock = _Clock()
    with reading() as session:
        searched = _check(session, scope, embedder)
        version = _current_version(session, scope)
        by_words = lexical.search(session, scope.collection_id, query, DEPTH, version)
    clock.lap("words_ms")
    within = scope.collection_id, version
    similar = _similar(within, query, embedder, index, clock)
    ranked = fuse(similar or {}, {hit.chunk_id: hit.score for hit in by_words})
    with reading() as session:
        passages = _confirmed(session, scope, ranked)[:limit]
    clock.lap("check_ms")
    degraded = similar is None and searched > 0
    return Findings(tuple(passages), searched, degraded, clock.laps)


def _similar(
    within: tuple[str, str | None],
    query: str,
    embedder: Embedder,
    index: VectorIndex,
    clock: "_Clock",
) -> dict[str, float] | None:
    """Chunks by their similarity, best first; None without an index to ask."""
    if embedder.unknown_share(query) > UNKNOWN_SHARE:
        return {}
    vector = embedder.embed_question(query)
    clock.lap("embed_ms")
    collection_id, version_id = within
    try:
        hits = index.search(collection_id, vector, DEPTH, [version_id] if version_id else [])
    except IndexUnavailable:
        return None
    finally:
        clock.lap("vectors_ms")
    return {hit.chunk_id: hit.similarity for hit in hits}


def passages_of(document_id: str) -> list[Found]:
    """Every passage of a document that is ready, in reading order; all score nothing."""
    query = _ready_passages().where(DocumentRow.id == document_id).order_by(ChunkRow.ordinal)
    with reading() as session:
        return [
            _found(_Ranked(chunk.id, 0.0, None, None), chunk, text, document)
            for chunk, text, document in session.execute(query)
        ]


def fuse(similar: dict[str, float], by_words: dict[str, float]) -> list[_Ranked]:
    """One ranking out of two; each is given best first."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranking in (similar, by_words):
        for rank, chunk_id in enumerate(ranking):
            scores[chunk_id] += (RANK + 1) / (RANK + 1 + rank) / 2
    order = sorted(scores, key=lambda chunk_id: -scores[chunk_id])
    return [
        _Ranked(chunk_id, round(scores[chunk_id], 4), similar.get(chunk_id), by_words.get(chunk_id))
        for chunk_id in order
    ]


def _check(session: Session, scope: Scope, embedder: Embedder) -> int:
    """Documents that can be searched, after the collection was found fit for this embedder."""
    collection = session.get(CollectionRow, scope.collection_id)
    if collection is None or collection.deleting:
        raise CollectionNotFound(id=scope.collection_id)
    if collection.embedder not in (None, embedder.fingerprint):
        raise EmbedderMismatch(expected=collection.embedder, actual=embedder.fingerprint)
    ready = select(func.count()).select_from(DocumentRow).where(*_within(scope))
    return session.scalar(ready) or 0


def _current_version(session: Session, scope: Scope) -> str:
    """The version of the one document to search; nothing for a whole collection."""
    if scope.document_id is None:
        return ""
    found = session.scalar(select(DocumentRow.current_version_id).where(*_within(scope)))
    if found is None:
        raise DocumentNotFound(id=scope.document_id)
    return found


def _within(scope: Scope) -> Iterator[ColumnElement[bool]]:
    """What makes a document one of the scope that can be read."""
    yield DocumentRow.collection_id == scope.collection_id
    yield DocumentRow.status == DocumentStatus.READY
    if scope.document_id is not None:
        yield DocumentRow.id == scope.document_id


def _ready_passages() -> Select[ChunkRow, str, DocumentRow]:
    """(chunk, its page's text, its document) of current versions of documents that are ready."""
    return (
        select(ChunkRow, PageRow.text, DocumentRow)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.current_version_id == VersionRow.id)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .where(DocumentRow.status == DocumentStatus.READY)
    )


def _confirmed(session: Session, scope: Scope, ranked: Sequence[_Ranked]) -> list[Found]:
    query = _ready_passages().where(ChunkRow.id.in_([each.chunk_id for each in ranked]))
    rows = session.execute(query.where(*_within(scope)))
    known = {chunk.id: (chunk, text, document) for chunk, text, document in rows}
    return [_found(each, *known[each.chunk_id]) for each in ranked if each.chunk_id in known]


def _found(ranked: _Ranked, chunk: ChunkRow, page_text: str, document: DocumentRow) -> Found:
    return Found(
        chunk_id=chunk.id,
        document_id=document.id,
        document_name=document.name,
        version_id=chunk.version_id,
        page=chunk.page,
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        heading=chunk.heading,
        text=page_text[chunk.char_start : chunk.char_end],
        score=ranked.score,
        similarity=None if ranked.similarity is None else round(ranked.similarity, 4),
        words=None if ranked.words is None else round(ranked.words, 4),
    )


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
