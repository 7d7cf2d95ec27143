"""The vectors of chunks in generations, as SQL keeps them: the truth that indexes are made of.

Every function works inside the caller's session. Those that write hold the collection's row, as
`ingest.generations` does: what is written into a generation and what becomes of it are in order.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

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

#: Statuses of generations that are written into.
LIVE = (GenerationStatus.SERVING, GenerationStatus.MAKING)
ERASED_AT_ONCE = 2_000  #: vectors, in one transaction


def keep(session: Session, generation_id: str, vectors: Mapping[str, bytes]) -> set[str]:
    """Keep vectors of chunks; returns the chunks that have one now.

    None of a generation that is not live any more, nor of chunks that are there no more.
    """
    if _written(session, generation_id) is None:
        return set()
    ids = select(ChunkRow.id).where(ChunkRow.id.in_(vectors))
    there = set(session.scalars(ids.with_for_update(read=True, key_share=True)))
    own = select(EmbeddingRow.chunk_id).where(
        EmbeddingRow.generation_id == generation_id, EmbeddingRow.chunk_id.in_(there)
    )
    for chunk_id in there - set(session.scalars(own)):
        row = EmbeddingRow(
            chunk_id=chunk_id,
            generation_id=generation_id,
            vector=vectors[chunk_id],
            indexed=False,
        )
        session.add(row)
    return there


def mark(session: Session, generation_id: str, chunk_ids: Sequence[str]) -> set[str]:
    """Note that the index has taken chunks; returns those that it is to keep.

    That is none of a generation that is not live any more, nor of what was deleted or replaced.
    """
    generation = _written(session, generation_id)
    if generation is None:
        return set()
    there = set(standing_of(session, generation.collection_id, chunk_ids))
    session.execute(
        update(EmbeddingRow)
        .where(EmbeddingRow.generation_id == generation_id, EmbeddingRow.chunk_id.in_(there))
        .values(indexed=True)
    )
    return there


def unmark(session: Session, version_ids: Sequence[str]) -> None:
    """Versions that are searched no more: their vectors stay, in no index."""
    past = select(ChunkRow.id).where(ChunkRow.version_id.in_(version_ids))
    session.execute(
        update(EmbeddingRow)
        .where(EmbeddingRow.chunk_id.in_(past), EmbeddingRow.indexed.is_(True))
        .values(indexed=False)
    )


def missing(collection_id: str, generation_id: str) -> Select[str]:
    """The chunks that a generation has to have before it may serve, and has not.

    Those of documents that can be read, and those of others that the serving one has: what is just
    being read is written by its reading.
    """
    old, new = aliased(EmbeddingRow), aliased(EmbeddingRow)
    shown = and_(
        DocumentRow.status == DocumentStatus.READY,
        DocumentRow.current_version_id == VersionRow.id,
    )
    served = exists().where(
        old.chunk_id == ChunkRow.id,
        old.indexed,
        old.generation_id == GenerationRow.id,
        GenerationRow.collection_id == collection_id,
        GenerationRow.status == GenerationStatus.SERVING,
    )
    has = exists().where(
        new.chunk_id == ChunkRow.id, new.generation_id == generation_id, new.indexed
    )
    return standing(collection_id).where(or_(shown, served), ~has)


def extent(
    session: Session, collection_id: str, generation_id: str, embedder: str
) -> tuple[int, int]:
    """How many chunks a generation lacks, and how many of them have a vector by this embedder."""
    lacked = missing(collection_id, generation_id)
    made = exists().where(
        EmbeddingRow.chunk_id == ChunkRow.id,
        EmbeddingRow.generation_id == GenerationRow.id,
        GenerationRow.embedder == embedder,
    )
    return _count(session, lacked), _count(session, lacked.where(made))


def ranges(
    session: Session, collection_id: str, generation_id: str, size: int
) -> list[tuple[str, str | None]]:
    """What a generation lacks in parts of so many chunks: after the one id, up to the other.

    The last part has no end.
    """
    place = func.row_number().over(order_by=ChunkRow.id).label("place")
    lacked = missing(collection_id, generation_id).with_only_columns(ChunkRow.id, place).subquery()
    ends = select(lacked.c.id).where(lacked.c.place % size == 0).order_by(lacked.c.id)
    borders = ["", *session.scalars(ends)]
    return list(zip(borders, [*borders[1:], None], strict=True))


def vectors_of(session: Session, embedder: str, chunk_ids: Sequence[str]) -> dict[str, bytes]:
    """Vectors of the chunks that this embedder has made, for whichever generation."""
    made = (
        select(EmbeddingRow.chunk_id, EmbeddingRow.vector)
        .join(GenerationRow, GenerationRow.id == EmbeddingRow.generation_id)
        .where(GenerationRow.embedder == embedder, EmbeddingRow.chunk_id.in_(chunk_ids))
    )
    return dict(session.execute(made).all())


def standing_of(session: Session, collection_id: str, chunk_ids: Sequence[str]) -> list[str]:
    """Those of the chunks that an index of the collection may hold; see `standing`."""
    return list(session.scalars(standing(collection_id).where(ChunkRow.id.in_(chunk_ids))))


def served(session: Session, version_id: str) -> dict[str, bytes]:
    """The vectors of a version's chunks in the generation that serves."""
    made = (
        select(EmbeddingRow.chunk_id, EmbeddingRow.vector)
        .join(ChunkRow, ChunkRow.id == EmbeddingRow.chunk_id)
        .join(GenerationRow, GenerationRow.id == EmbeddingRow.generation_id)
        .where(ChunkRow.version_id == version_id, GenerationRow.status == GenerationStatus.SERVING)
    )
    return dict(session.execute(made).all())


def take_past(session: Session, old: str, new: str) -> None:
    """Vectors of versions that are searched no more go over to another generation: comparisons
    look at them. Both are of one embedder.
    """
    taken = aliased(EmbeddingRow)
    has = exists().where(taken.chunk_id == EmbeddingRow.chunk_id, taken.generation_id == new)
    session.execute(
        update(EmbeddingRow)
        .where(EmbeddingRow.generation_id == old, EmbeddingRow.indexed.is_(False), ~has)
        .values(generation_id=new)
    )


def erase_some(session: Session, generation_id: str) -> bool:
    """Remove some of a generation's vectors; returns whether there were any."""
    own = EmbeddingRow.generation_id == generation_id
    some = list(session.scalars(select(EmbeddingRow.chunk_id).where(own).limit(ERASED_AT_ONCE)))
    session.execute(delete(EmbeddingRow).where(own, EmbeddingRow.chunk_id.in_(some)))
    return bool(some)


def hold(session: Session, collection_id: str) -> None:
    """Nobody else changes or fills the collection's generations before the transaction ends."""
    session.get_one(CollectionRow, collection_id, with_for_update={"key_share": True})


def held(session: Session, generation_id: str) -> GenerationRow | None:
    """A generation that nobody else changes before the transaction ends, if it is there."""
    row = session.get(GenerationRow, generation_id)
    if row is None:
        return None
    hold(session, row.collection_id)
    return session.get(GenerationRow, generation_id, populate_existing=True)


def _written(session: Session, generation_id: str) -> GenerationRow | None:
    row = held(session, generation_id)
    return row if row is not None and row.status in LIVE else None


def standing(collection_id: str) -> Select[str]:
    """The chunks of a collection's documents in the versions that are searched, or come after."""
    current = aliased(VersionRow)
    return (
        select(ChunkRow.id)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.id == VersionRow.document_id)
        .join(current, current.id == DocumentRow.current_version_id)
        .where(
            DocumentRow.collection_id == collection_id,
            DocumentRow.status != DocumentStatus.DELETING,
            VersionRow.number >= current.number,
        )
    )


def _count(session: Session, of: Select[str]) -> int:
    return session.scalar(select(func.count()).select_from(of.subquery())) or 0
