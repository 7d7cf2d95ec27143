"""A generation's index brought into agreement with SQL: what it has lost is put back, from the
vectors that SQL keeps, and what SQL does not know is removed.

Nothing is computed anew. May run beside everything that reads and deletes documents: a vector's row
is there before its entry, and whoever deletes a document hides it before its entries go.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from ingest import embed
from ingest.database import reading
from ingest.embeddings import LIVE
from ingest.tables import (
    ChunkRow,
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    EmbeddingRow,
    GenerationRow,
    GenerationStatus,
    VersionRow,
)
from ingest.vectors import Entry, VectorIndex

PAGE = 500


@dataclass(frozen=True, slots=True)
class Repair:
    """What an index needed."""

    added: int
    removed: int


def indexes() -> list[str]:
    """The generations that are kept in agreement: those that serve.

    One that is being made is compared once, before it does; until then it differs all the time.
    """
    serving = _live().where(GenerationRow.status == GenerationStatus.SERVING)
    with reading() as session:
        return list(session.scalars(serving.with_only_columns(GenerationRow.id)))


def agrees(generation_id: str, index: VectorIndex) -> bool:
    """Whether the index has as many entries as SQL says. Raises IndexUnavailable."""
    with reading() as session:
        wanted = session.scalar(_indexed(generation_id).with_only_columns(func.count()))
    return index.count(generation_id) == wanted


def repair(generation_id: str, index: VectorIndex) -> Repair:
    """Compare every entry and mend what differs. Raises IndexUnavailable."""
    with reading() as session:
        wanted = list(session.scalars(_indexed(generation_id).with_only_columns(ChunkRow.id)))
    pages = (wanted[begin : begin + PAGE] for begin in range(0, len(wanted), PAGE))
    added = sum(_put_back(generation_id, index, page) for page in pages)
    unknown = list(_unknown(generation_id, index))
    index.remove(generation_id, unknown)
    return Repair(added, len(unknown))


def _live() -> Select[GenerationRow]:
    return (
        select(GenerationRow)
        .join(CollectionRow, CollectionRow.id == GenerationRow.collection_id)
        .where(CollectionRow.deleting.is_(False), GenerationRow.status.in_(LIVE))
    )


def _indexed(generation_id: str) -> Select[ChunkRow, bytes, str]:
    """(chunk, its vector, its document's id) of what the index of a generation should hold."""
    return (
        select(ChunkRow, EmbeddingRow.vector, VersionRow.document_id)
        .select_from(EmbeddingRow)
        .join(ChunkRow, ChunkRow.id == EmbeddingRow.chunk_id)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.id == VersionRow.document_id)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(
            EmbeddingRow.generation_id == generation_id,
            EmbeddingRow.indexed.is_(True),
            CollectionRow.deleting.is_(False),
            DocumentRow.status != DocumentStatus.DELETING,
        )
    )


def _put_back(generation_id: str, index: VectorIndex, chunk_ids: list[str]) -> int:
    missing = set(chunk_ids) - index.present(generation_id, chunk_ids)
    wanted = _indexed(generation_id).where(ChunkRow.id.in_(missing))
    with reading() as session:
        entries = [
            Entry(chunk.id, chunk.version_id, document_id, chunk.page, embed.from_blob(vector))
            for chunk, vector, document_id in session.execute(wanted)
        ]
    if not entries:
        return 0
    index.add(generation_id, entries)
    with reading() as session:
        still = set(session.scalars(wanted.with_only_columns(ChunkRow.id)))
        there = session.scalars(_live().where(GenerationRow.id == generation_id)).first()
    if there is None:  # its entries may have been removed before ours came
        index.remove_collection(generation_id)
    index.remove(generation_id, [one.chunk_id for one in entries if one.chunk_id not in still])
    return len(entries)


def _unknown(generation_id: str, index: VectorIndex) -> Iterator[str]:
    """Entries without a row: of a document that was deleted, or read anew, meanwhile."""
    for page in index.pages(generation_id):
        with reading() as session:
            own = select(EmbeddingRow.chunk_id).where(
                EmbeddingRow.generation_id == generation_id, EmbeddingRow.chunk_id.in_(page)
            )
            known = set(session.scalars(own))
        yield from (chunk_id for chunk_id in page if chunk_id not in known)
