"""The embed step: a range of chunks gets vectors, in SQL first, then in Chroma."""

import time
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ingest import embed
from ingest.context import indexed_text
from ingest.database import reading
from ingest.errors import EmbedderMismatch
from ingest.tables import (
    ChunkRow,
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    PageRow,
    VersionRow,
)
from ingest.vectors import Entry
from workers.errors import LeaseLost
from workers.work import Output, Work

CHUNKS_PER_WRITE = 64


def embed_chunks(work: Work) -> Output:
    """Vectors for a range of chunks: SQL first, then Chroma, then marked as indexed."""
    began = time.monotonic()
    done = 0
    while batch := _pending(work):
        work.check()
        vectors = _vectors(work, batch)
        entries = [
            Entry(chunk.id, chunk.version_id, str(work.job.document_id), chunk.page, vector)
            for (chunk, _), vector in zip(batch, vectors, strict=True)
        ]
        work.tools.index.add(str(work.job.collection_id), entries)
        try:
            with work.write() as session:
                ids = [chunk.id for chunk, _ in batch]
                session.execute(update(ChunkRow).where(ChunkRow.id.in_(ids)).values(indexed=True))
        except LeaseLost:
            _withdraw(work)
            raise
        done += len(batch)
    return Output({"chunks": done, "embed_ms": round(1e3 * (time.monotonic() - began))})


def _withdraw(work: Work) -> None:
    """Who has lost the step may have brought entries of what was deleted meanwhile."""
    collection_id, document_id = str(work.job.collection_id), str(work.job.document_id)
    with reading() as session:
        collection = session.get(CollectionRow, collection_id)
        document = session.get(DocumentRow, document_id)
    if collection is None or collection.deleting:
        work.tools.index.remove_collection(collection_id)
    elif document is None or document.status == DocumentStatus.DELETING:
        work.tools.index.remove_documents(collection_id, [document_id])


def _vectors(work: Work, batch: list[tuple[ChunkRow, str]]) -> list[Any]:
    """The chunks' vectors: those an interrupted try has kept, and the others computed and kept."""
    missing = [(chunk.id, text) for chunk, text in batch if chunk.embedding is None]
    made = work.tools.embedder.embed([text for _, text in missing], work.check)
    known = {chunk_id: vector for (chunk_id, _), vector in zip(missing, made, strict=True)}
    with work.write() as session:
        _claim_embedder(session, work)
        for chunk_id, vector in known.items():
            session.get_one(ChunkRow, chunk_id).embedding = embed.to_blob(vector)
    return [
        known[chunk.id] if chunk.embedding is None else embed.from_blob(chunk.embedding)
        for chunk, _ in batch
    ]


def _pending(work: Work) -> list[tuple[ChunkRow, str]]:
    """The next chunks of the step's range without an index entry, with the text to embed."""
    given = work.step.input
    query = (
        select(ChunkRow, PageRow.text, DocumentRow.media_type)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.id == VersionRow.document_id)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .where(
            ChunkRow.version_id == given["version_id"],
            ChunkRow.ordinal >= given["first"],
            ChunkRow.ordinal < given["last"],
            ChunkRow.indexed.is_(False),
        )
        .order_by(ChunkRow.ordinal)
        .limit(CHUNKS_PER_WRITE)
    )
    with reading() as session:
        return [
            (chunk, indexed_text(chunk, page_text, media_type))
            for chunk, page_text, media_type in session.execute(query)
        ]


def _claim_embedder(session: Session, work: Work) -> None:
    """A collection belongs to the embedder of its first chunk."""
    collection = session.get_one(CollectionRow, work.job.collection_id)
    fingerprint = work.tools.embedder.fingerprint
    if collection.embedder is None:
        collection.embedder = fingerprint
    elif collection.embedder != fingerprint:
        raise EmbedderMismatch(expected=collection.embedder, actual=fingerprint)
