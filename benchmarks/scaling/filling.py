"""Made documents into the real stores: the library's tables, the index of words, Chroma.

In bulk, but by the functions and tables that reading uses: nothing is written past an index.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from benchmarks.scaling.made import PAGE_CHUNKS, MadeDocument, Maker
from ingest import embed, filters, generations, lexical, library, profiles
from ingest.database import now, reading, writing
from ingest.generations import Model
from ingest.tables import (
    ChunkRow,
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    EmbeddingRow,
    PageRow,
    VersionRow,
)
from ingest.vectors import Entry, VectorIndex

#: One collection has nearly all; the others share its store and its index of words.
COLLECTIONS = ("Main", "Second", "Third", "Fourth")
ASIDE = 16  #: one document of so many is of another collection than the first
TOGETHER = 2_000  #: chunks of a transaction, and of a call to Chroma
SEPARATOR = "\n\n"


@dataclass
class Filled:
    """How far the stores are."""

    collections: Sequence[str]  #: ids, which their first generations have too
    documents: int = 0
    chunks: int = 0
    sql_seconds: float = 0.0
    vector_seconds: float = 0.0
    grown: int = 0  #: chunks that these seconds were for
    _told: float = field(default_factory=time.monotonic)

    def place(self, document: MadeDocument) -> str:
        """The collection of a document."""
        number = document.number
        return self.collections[0 if number % ASIDE else 1 + number // ASIDE % 3]

    def tell(self, aim: int) -> None:
        """How it goes, now and then."""
        if time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            print(f"  {self.chunks} of {aim} chunks", file=sys.stderr, flush=True)


def opened(embedder: Model) -> Filled:
    """The stores as they are, with their collections."""
    with writing() as session:
        known = dict(session.execute(select(CollectionRow.name, CollectionRow.id)).all())
        for name in COLLECTIONS:
            if name not in known:
                known[name] = library.create_collection(session, name).id
                generations.begin(session, known[name], embedder)
    with reading() as session:
        documents = session.scalar(select(func.count()).select_from(DocumentRow)) or 0
        chunks = session.scalar(select(func.count()).select_from(ChunkRow)) or 0
    return Filled([known[name] for name in COLLECTIONS], documents, chunks)


def grow(filled: Filled, maker: Maker, index: VectorIndex, chunks: int) -> None:
    """Add documents until there are so many chunks."""
    filled.sql_seconds = filled.vector_seconds = 0.0
    before = filled.chunks
    for batch in _batches(filled, maker, chunks):
        began = time.monotonic()
        with writing() as session:
            for document in batch:
                _write(session, filled.place(document), document)
        written = time.monotonic()
        for place in filled.collections:
            index.add(place, [entry for one in batch for entry in _entries(filled, one, place)])
        filled.sql_seconds += written - began
        filled.vector_seconds += time.monotonic() - written
        filled.tell(chunks)
    filled.grown = filled.chunks - before


def _batches(filled: Filled, maker: Maker, chunks: int) -> Iterator[list[MadeDocument]]:
    batch: list[MadeDocument] = []
    together = 0
    while filled.chunks < chunks:
        document = maker.document(filled.documents)
        batch.append(document)
        filled.documents += 1
        filled.chunks += len(document.chunks)
        together += len(document.chunks)
        if together >= TOGETHER or filled.chunks >= chunks:
            yield batch
            batch, together = [], 0


def _write(session: Session, collection_id: str, made: MadeDocument) -> None:
    moment, version = now(session), made.key("ver")
    document: dict[str, Any] = {
        "id": made.key("doc"),
        "collection_id": collection_id,
        "name": made.name,
        "media_type": made.media_type,
        "status": DocumentStatus.READY,
        "current_version_id": version,
        "tags": filters.joined(made.tags),
        "created_at": made.created_at,
    }
    pages = list(_pages(made))
    whole: dict[str, Any] = {
        "id": version,
        "document_id": made.key("doc"),
        "number": 1,
        "sha256": made.key("sha"),
        "size": sum(map(len, pages)),
        "page_count": len(pages),
        "character_count": sum(map(len, pages)),
        "created_at": moment,
    }
    session.execute(insert(DocumentRow), [document])
    profiles.note(session, collection_id, made.key("doc"), made.name)
    session.execute(insert(VersionRow), [whole])
    session.execute(
        insert(PageRow),
        [
            {"version_id": version, "number": number, "text": text}
            for number, text in enumerate(pages, 1)
        ],
    )
    session.execute(insert(ChunkRow), list(_rows(made, version)))
    session.execute(insert(EmbeddingRow), list(_vectors(made, collection_id)))
    named = [(made.key("chunk", at), text) for at, text in enumerate(made.chunks)]
    lexical.add(session, collection_id, version, named)


def _pages(made: MadeDocument) -> Iterator[str]:
    for begin in range(0, len(made.chunks), PAGE_CHUNKS):
        yield SEPARATOR.join(made.chunks[begin : begin + PAGE_CHUNKS])


def _rows(made: MadeDocument, version: str) -> Iterator[dict[str, Any]]:
    start = 0
    for at, text in enumerate(made.chunks):
        start = start if at % PAGE_CHUNKS else 0
        yield {
            "id": made.key("chunk", at),
            "version_id": version,
            "ordinal": at,
            "page": 1 + at // PAGE_CHUNKS,
            "char_start": start,
            "char_end": start + len(text),
            "heading": "",
        }
        start += len(text) + len(SEPARATOR)


def _vectors(made: MadeDocument, generation_id: str) -> Iterator[dict[str, Any]]:
    for at, vector in enumerate(made.vectors):
        yield {
            "chunk_id": made.key("chunk", at),
            "generation_id": generation_id,
            "vector": embed.to_blob(vector),
            "indexed": True,
        }


def _entries(filled: Filled, made: MadeDocument, place: str) -> Iterator[Entry]:
    if filled.place(made) != place:
        return
    for at, vector in enumerate(made.vectors):
        page = 1 + at // PAGE_CHUNKS
        yield Entry(made.key("chunk", at), made.key("ver"), made.key("doc"), page, vector)
