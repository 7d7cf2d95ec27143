"""The dense index brought into agreement with SQL: what it has lost is put back, from the vectors
that SQL keeps, and what SQL does not know is removed.

Nothing is computed anew. May run beside everything that reads and deletes documents: a chunk's row
is there before its entry, and whoever deletes a document hides it before its entries go.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from ingest import embed
from ingest.database import reading
from ingest.tables import ChunkRow, CollectionRow, DocumentRow, DocumentStatus, VersionRow
from ingest.vectors import Entry, VectorIndex

PAGE = 500


@dataclass(frozen=True, slots=True)
class Repair:
    """What a collection's index needed."""

    added: int
    removed: int


def collections() -> list[str]:
    """The collections whose documents may be indexed."""
    with reading() as session:
        there = select(CollectionRow.id).where(CollectionRow.deleting.is_(False))
        return list(session.scalars(there))


def agrees(collection_id: str, index: VectorIndex) -> bool:
    """Whether the index has as many entries as SQL says. Raises IndexUnavailable."""
    with reading() as session:
        wanted = session.scalar(_indexed(collection_id).with_only_columns(func.count()))
    return index.count(collection_id) == wanted


def repair(collection_id: str, index: VectorIndex) -> Repair:
    """Compare every entry and mend what differs. Raises IndexUnavailable."""
    with reading() as session:
        wanted = list(session.scalars(_indexed(collection_id).with_only_columns(ChunkRow.id)))
    pages = (wanted[begin : begin + PAGE] for begin in range(0, len(wanted), PAGE))
    added = sum(_put_back(collection_id, index, page) for page in pages)
    unknown = list(_unknown(collection_id, index))
    index.remove(collection_id, unknown)
    return Repair(added, len(unknown))


def _indexed(collection_id: str) -> Select[ChunkRow, str]:
    """(chunk, its document's id) of what the index should hold of a collection."""
    return (
        select(ChunkRow, VersionRow.document_id)
        .select_from(ChunkRow)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.id == VersionRow.document_id)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(
            CollectionRow.id == collection_id,
            CollectionRow.deleting.is_(False),
            DocumentRow.status != DocumentStatus.DELETING,
            ChunkRow.indexed.is_(True),
        )
    )


def _put_back(collection_id: str, index: VectorIndex, chunk_ids: list[str]) -> int:
    missing = set(chunk_ids) - index.present(collection_id, chunk_ids)
    wanted = _indexed(collection_id).where(ChunkRow.id.in_(missing))
    with reading() as session:
        entries = [
            Entry(chunk.id, chunk.version_id, document_id, chunk.page, embed.from_blob(vector))
            for chunk, document_id in session.execute(wanted)
            if (vector := chunk.embedding) is not None
        ]
    if not entries:
        return 0
    index.add(collection_id, entries)
    with reading() as session:
        still = set(session.scalars(wanted.with_only_columns(ChunkRow.id)))
        there = session.get(CollectionRow, collection_id)
    if there is None or there.deleting:  # its entries may have been removed before ours came
        index.remove_collection(collection_id)
    index.remove(collection_id, [one.chunk_id for one in entries if one.chunk_id not in still])
    return len(entries)


def _unknown(collection_id: str, index: VectorIndex) -> Iterator[str]:
    """Entries without a row: of a document that was deleted, or read anew, meanwhile."""
    for page in index.pages(collection_id):
        with reading() as session:
            known = set(session.scalars(select(ChunkRow.id).where(ChunkRow.id.in_(page))))
        yield from (chunk_id for chunk_id in page if chunk_id not in known)
