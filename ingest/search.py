"""Question → passages of one collection, best first, each checked against SQL.

Dense retrieval. The index is a cache: what it returns counts only if SQL still has it, in this
collection, in the current version of a document that is ready.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import reading
from ingest.embed import Embedder
from ingest.errors import CollectionNotFound, EmbedderMismatch
from ingest.tables import (
    ChunkRow,
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    PageRow,
    VersionRow,
)
from ingest.vectors import Hit, VectorIndex

#: Asked of the index beyond the limit, for hits that SQL no longer knows.
SPARE = 8


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
    score: float  #: cosine similarity

    def public(self) -> dict[str, Any]:
        """The passage as the REST interface shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search brought, and where the time went."""

    passages: tuple[Found, ...]
    documents_searched: int
    timings: dict[str, float]  #: milliseconds by stage


def find(
    collection_id: str, query: str, limit: int, embedder: Embedder, index: VectorIndex
) -> Findings:
    """The `limit` nearest passages.

    Raises CollectionNotFound, EmbedderMismatch or IndexUnavailable.
    """
    began = time.perf_counter()
    with reading() as session:
        searched = _check(session, collection_id, embedder)
    vector = embedder.embed([query])[0]
    embedded = time.perf_counter()
    hits = index.search(collection_id, vector, limit + SPARE) if searched else []
    asked = time.perf_counter()
    with reading() as session:
        passages = _confirmed(session, collection_id, hits)[:limit]
    timings = {
        "embed_ms": 1e3 * (embedded - began),
        "search_ms": 1e3 * (asked - embedded),
        "check_ms": 1e3 * (time.perf_counter() - asked),
    }
    return Findings(tuple(passages), searched, {k: round(v, 2) for k, v in timings.items()})


def _check(session: Session, collection_id: str, embedder: Embedder) -> int:
    """Documents that can be searched, after the collection was found fit for this embedder."""
    collection = session.get(CollectionRow, collection_id)
    if collection is None or collection.deleting:
        raise CollectionNotFound(id=collection_id)
    if collection.embedder not in (None, embedder.fingerprint):
        raise EmbedderMismatch(expected=collection.embedder, actual=embedder.fingerprint)
    ready = select(DocumentRow.id).where(
        DocumentRow.collection_id == collection_id, DocumentRow.status == DocumentStatus.READY
    )
    return len(list(session.scalars(ready)))


def _confirmed(session: Session, collection_id: str, hits: list[Hit]) -> list[Found]:
    rows = session.execute(
        select(ChunkRow, PageRow.text, DocumentRow)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.current_version_id == VersionRow.id)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .where(
            ChunkRow.id.in_([hit.chunk_id for hit in hits]),
            DocumentRow.collection_id == collection_id,
            DocumentRow.status == DocumentStatus.READY,
        )
    )
    known = {chunk.id: (chunk, text, document) for chunk, text, document in rows}
    return [
        Found(
            chunk_id=chunk.id,
            document_id=document.id,
            document_name=document.name,
            version_id=chunk.version_id,
            page=chunk.page,
            char_start=chunk.char_start,
            char_end=chunk.char_end,
            heading=chunk.heading,
            text=text[chunk.char_start : chunk.char_end],
            score=round(hit.similarity, 4),
        )
        for hit in hits
        if hit.chunk_id in known
        for chunk, text, document in [known[hit.chunk_id]]
    ]
