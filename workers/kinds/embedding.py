"""Chunks get vectors in a generation: in SQL first, then in Chroma, then marked as indexed.

What stops in between is done again from where it stopped, and no vector is computed twice: one
that the same embedder has made of a chunk, for whichever generation, is taken over.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased

from ingest import embed, embeddings, generations
from ingest.context import indexed_text
from ingest.database import reading
from ingest.embed import Embedder
from ingest.errors import EmbedderMismatch
from ingest.generations import Generation
from ingest.tables import ChunkRow, DocumentRow, EmbeddingRow, PageRow
from ingest.vectors import Entry
from workers.errors import LeaseLost
from workers.work import Output, Work

CHUNKS_PER_WRITE = 64


@dataclass(frozen=True, slots=True)
class Target:
    """A generation, and the embedder that makes it."""

    generation: Generation
    embedder: Embedder


@dataclass(frozen=True, slots=True)
class Lacking:
    """A chunk that a generation lacks."""

    chunk_id: str
    version_id: str
    document_id: str
    page: int
    text: str  #: to embed


def embed_chunks(work: Work) -> Output:
    """The embed step of a reading: a range of chunks, in every generation that is live.

    Raises EmbedderMismatch, if the embedder of none of them is here.
    """
    began = time.monotonic()
    given, done = work.step.input, set[str]()
    of_step = (
        ChunkRow.version_id == given["version_id"],
        ChunkRow.ordinal >= given["first"],
        ChunkRow.ordinal < given["last"],
    )
    while found := _first_lacking(_targets(work), of_step):
        target, batch = found
        done |= fill(work, target, batch)
    return Output({"chunks": len(done), "embed_ms": round(1e3 * (time.monotonic() - began))})


def fill(work: Work, target: Target, batch: Sequence[Lacking]) -> set[str]:
    """Bring chunks into a generation and its index; returns those that are in it now.

    Raises IndexUnavailable, Cancelled, LeaseLost.
    """
    work.check()
    vectors = _vectors(work, target, batch)
    if not vectors:
        return set()
    generation, index = target.generation, work.tools.index
    index.add(
        generation.id,
        [
            Entry(
                one.chunk_id,
                one.version_id,
                one.document_id,
                one.page,
                embed.from_blob(vectors[one.chunk_id]),
            )
            for one in batch
            if one.chunk_id in vectors
        ],
    )
    try:
        with work.write() as session:
            kept = embeddings.mark(session, generation.id, list(vectors))
    except LeaseLost:
        withdraw(work, generation, batch)
        raise
    if len(kept) < len(vectors):
        withdraw(work, generation, [one for one in batch if one.chunk_id not in kept])
    return kept


def lacking(
    collection_id: str, generation_id: str, of_step: Sequence[ColumnElement[bool]]
) -> list[Lacking]:
    """The next chunks, of those that the conditions let through, that a generation lacks."""
    own = aliased(EmbeddingRow)
    query = (
        embeddings.standing(collection_id)
        .with_only_columns(ChunkRow, PageRow.text, DocumentRow.id, DocumentRow.media_type)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .outerjoin(own, (own.chunk_id == ChunkRow.id) & (own.generation_id == generation_id))
        .where(own.indexed.is_not(True), *of_step)
        .order_by(ChunkRow.version_id, ChunkRow.ordinal)
        .limit(CHUNKS_PER_WRITE)
    )
    with reading() as session:
        return [
            Lacking(
                chunk.id,
                chunk.version_id,
                document_id,
                chunk.page,
                indexed_text(chunk, page_text, media_type),
            )
            for chunk, page_text, document_id, media_type in session.execute(query)
        ]


def withdraw(work: Work, generation: Generation, entries: Sequence[Lacking]) -> None:
    """Take entries out of the index again that came too late: after a deletion, or a step's loss.

    Who has the step now may have brought some of them too; what is then missing is put back by
    upkeep. An index that is no generation's any more goes with them.
    """
    with reading() as session:
        there = generations.get(session, generation.id)
        ids = [one.chunk_id for one in entries]
        standing = set(embeddings.standing_of(session, generation.collection_id, ids))
    if there is None:
        work.tools.index.remove_collection(generation.id)
        return
    work.tools.index.remove(generation.id, [one for one in ids if one not in standing])


def _targets(work: Work) -> list[Target]:
    """The generations to write into; a collection's first one belongs to the embedder that is set.

    One whose embedder is not here is passed over if there is another: who makes that one brings
    all that it lacks.
    """
    collection_id = str(work.job.collection_id)
    with reading() as session:
        live = generations.live(session, collection_id)
    if not any(one.serving for one in live):
        with work.write() as session:
            generations.begin(session, collection_id, work.tools.embedder)
            live = generations.live(session, collection_id)
    found = [
        Target(generation, embedder)
        for generation in live
        if (embedder := work.tools.embedders.of(generation)) is not None
    ]
    if not found:
        raise EmbedderMismatch(expected=live[0].name, actual=work.tools.embedder.name)
    return found


def _first_lacking(
    targets: Sequence[Target], of_step: Sequence[ColumnElement[bool]]
) -> tuple[Target, list[Lacking]] | None:
    for target in targets:
        generation = target.generation
        if batch := lacking(generation.collection_id, generation.id, of_step):
            return target, batch
    return None


def _vectors(work: Work, target: Target, batch: Sequence[Lacking]) -> dict[str, bytes]:
    """The chunks' vectors: those that are known, and the others computed; all of them kept.

    Without those of chunks that have been deleted meanwhile.
    """
    generation = target.generation
    with reading() as session:
        ids = [one.chunk_id for one in batch]
        vectors = embeddings.vectors_of(session, generation.embedder, ids)
    vectors |= _made(work, target, [one for one in batch if one.chunk_id not in vectors])
    with work.write() as session:
        there = embeddings.keep(session, generation.id, vectors)
    return {chunk_id: vector for chunk_id, vector in vectors.items() if chunk_id in there}


def _made(work: Work, target: Target, new: Sequence[Lacking]) -> Iterator[tuple[str, bytes]]:
    made = target.embedder.embed([one.text for one in new], work.check)
    for one, vector in zip(new, made, strict=True):
        yield one.chunk_id, embed.to_blob(vector)
