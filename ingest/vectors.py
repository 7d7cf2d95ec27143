"""The dense index: chunk ids and vectors in a Chroma server.

The only module that imports `chromadb`, and only its HTTP client: two processes on one Chroma
folder lose vectors silently. Everything here can be rebuilt from SQL (`ingest.reconcile`).
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import chromadb
import httpx
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, NotFoundError

from ingest.errors import IndexLost, IndexUnavailable
from ingest.filters import WHOLE, Part

UPSERT = 1_000  # the server refuses more than 5,461 at once
NAME_PREFIX = "lectern-"
#: A server that takes a question and says nothing for so long is held to be away.
SILENCE_SECONDS = 10.0


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
        """For the server at `url`, which is connected to once it is needed: it may be away."""
        self._url = url
        self._connecting = Lock()
        self._connected: Any = None
        self._known: dict[str, Any] = {}  #: Chroma's collections by ours, to ask for once

    @property
    def _client(self) -> Any:
        with self._connecting:
            if self._connected is None:
                self._connected = _connect(httpx.URL(self._url))
            return self._connected

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

    def search(self, collection_id: str, vector: Any, limit: int, part: Part = WHOLE) -> list[Hit]:
        """The nearest chunks, best first.

        Raises IndexLost where nothing was ever indexed, and IndexUnavailable.
        """
        asked: dict[str, Any] = {
            "query_embeddings": [vector],
            "n_results": limit,
            "where": _narrowed(part),
            "include": ["distances"],
        }
        with _available():
            try:
                found = self._searched(collection_id).query(**asked)
            except NotFoundError:  # removed meanwhile, and perhaps made anew
                self._known.pop(collection_id, None)
                found = self._searched(collection_id).query(**asked)
        distances = (found["distances"] or [[]])[0]
        return [
            Hit(chunk_id, 1.0 - float(distance))
            for chunk_id, distance in zip(found["ids"][0], distances, strict=True)
        ]

    def _searched(self, collection_id: str) -> Any:
        if collection_id not in self._known:
            collection = self._existing(collection_id)
            if collection is None:
                raise IndexLost
            self._known[collection_id] = collection
        return self._known[collection_id]

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

    def present(self, collection_id: str, chunk_ids: Collection[str]) -> set[str]:
        """Those of the chunks that have an entry; some hundreds at a time."""
        with _available():
            collection = self._existing(collection_id)
            if collection is None or not chunk_ids:
                return set()
            return set(collection.get(ids=list(chunk_ids), include=[])["ids"])

    def pages(self, collection_id: str) -> Iterator[list[str]]:
        """The chunks of all entries of a collection, a page at a time."""
        begin = 0
        while page := self._page(collection_id, begin):
            yield page
            begin += len(page)

    def remove(self, collection_id: str, chunk_ids: Sequence[str]) -> None:
        """Remove entries of single chunks."""
        with _available():
            collection = self._existing(collection_id)
            if collection is None:
                return
            for begin in range(0, len(chunk_ids), UPSERT):
                collection.delete(ids=list(chunk_ids[begin : begin + UPSERT]))

    def _page(self, collection_id: str, begin: int) -> list[str]:
        with _available():
            collection = self._existing(collection_id)
            if collection is None:
                return []
            return list(collection.get(limit=UPSERT, offset=begin, include=[])["ids"])

    def _existing(self, collection_id: str) -> Any | None:
        try:
            return self._client.get_collection(NAME_PREFIX + collection_id, embedding_function=None)
        except NotFoundError:
            return None  # nothing has been indexed yet


def _connect(url: httpx.URL) -> Any:
    # The client waits for ever, for its first answer too, and has no setting for that.
    httpx.get(url.join("/api/v2/heartbeat"), timeout=SILENCE_SECONDS).raise_for_status()
    client: Any = chromadb.HttpClient(
        host=url.host,
        port=url.port or 8000,
        ssl=url.scheme == "https",
        settings=ChromaSettings(anonymized_telemetry=False),
    )
    client._server._session.timeout = SILENCE_SECONDS  # noqa: SLF001
    return client


def _narrowed(part: Part) -> Any:
    if not part.version_ids:
        return None  # of pages of a whole collection, Chroma would look at every entry
    named = {"version_id": {"$in": list(part.version_ids)}}
    if part.pages is None:
        return named
    first, last = part.pages
    return {"$and": [named, {"page": {"$gte": first}}, {"page": {"$lte": last}}]}


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
