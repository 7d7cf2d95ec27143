"""The dense index: chunk ids and vectors in a Chroma server.

The only module that imports `chromadb`, and only its HTTP client: two processes on one Chroma
folder lose vectors silently. Everything here can be rebuilt from SQL.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import chromadb
import httpx
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, NotFoundError

from ingest.errors import IndexUnavailable

UPSERT = 1_000  # the server refuses more than 5,461 at once
NAME_PREFIX = "lectern-"


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk for the index."""

    chunk_id: str
    version_id: str
    document_id: str
    page: int
    vector: Any  #: float32, unit length


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found."""

    chunk_id: str
    similarity: float  #: cosine, 1 is identical


class VectorIndex:
    """One Chroma server; a Chroma collection per Lectern collection. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Connect to `url`. Raises IndexUnavailable."""
        parts = httpx.URL(url)
        with _available():
            self._client = chromadb.HttpClient(
                host=parts.host,
                port=parts.port or 8000,
                ssl=parts.scheme == "https",
                settings=ChromaSettings(anonymized_telemetry=False),
            )

    def add(self, collection_id: str, entries: Sequence[Entry]) -> None:
        """Insert or replace entries. Raises IndexUnavailable; repeating it is harmless."""
        with _available():
            collection = self._client.get_or_create_collection(
                NAME_PREFIX + collection_id,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
            )
            for begin in range(0, len(entries), UPSERT):
                part = entries[begin : begin + UPSERT]
                collection.upsert(
                    ids=[entry.chunk_id for entry in part],
                    embeddings=[entry.vector for entry in part],
                    metadatas=[_metadata(entry) for entry in part],
                )

    def search(
        self, collection_id: str, vector: Any, limit: int, version_ids: Sequence[str] = ()
    ) -> list[Hit]:
        """The nearest chunks, best first, optionally of some versions only."""
        where: Any = {"version_id": {"$in": list(version_ids)}} if version_ids else None
        with _available():
            collection = self._existing(collection_id)
            if collection is None:
                return []
            found = collection.query(
                query_embeddings=[vector], n_results=limit, where=where, include=["distances"]
            )
        distances = (found["distances"] or [[]])[0]
        return [
            Hit(chunk_id, 1.0 - float(distance))
            for chunk_id, distance in zip(found["ids"][0], distances, strict=True)
        ]

    def remove_documents(self, collection_id: str, document_ids: Sequence[str]) -> None:
        """Remove every entry of the documents."""
        with _available():
            collection = self._existing(collection_id)
            if collection is not None and document_ids:
                collection.delete(where={"document_id": {"$in": list(document_ids)}})

    def keep_versions(
        self, collection_id: str, document_id: str, version_ids: Sequence[str]
    ) -> None:
        """Remove the entries of all other versions of a document."""
        where: Any = {"document_id": document_id}
        if version_ids:
            where = {"$and": [where, {"version_id": {"$nin": list(version_ids)}}]}
        with _available():
            collection = self._existing(collection_id)
            if collection is not None:
                collection.delete(where=where)

    def remove_collection(self, collection_id: str) -> None:
        """Remove a whole collection; harmless when there is none."""
        with _available():
            if self._existing(collection_id) is not None:
                self._client.delete_collection(NAME_PREFIX + collection_id)

    def count(self, collection_id: str) -> int:
        """Entries of a collection."""
        with _available():
            collection = self._existing(collection_id)
            return int(collection.count()) if collection is not None else 0

    def _existing(self, collection_id: str) -> Any | None:
        try:
            return self._client.get_collection(NAME_PREFIX + collection_id, embedding_function=None)
        except NotFoundError:
            return None  # nothing has been indexed yet


def _metadata(entry: Entry) -> dict[str, Any]:
    return {
        "document_id": entry.document_id,
        "version_id": entry.version_id,
        "page": entry.page,
    }


@contextmanager
def _available() -> Iterator[None]:
    # The HTTP client reports a server that is away as ValueError when it connects and as one of
    # httpx's errors later.
    try:
        yield
    except (ChromaError, httpx.HTTPError, ValueError, OSError) as error:
        raise IndexUnavailable from error
