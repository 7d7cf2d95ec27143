"""A version of a document as it is compared: its statements, and the vectors of its chunks."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ingest import embed, embeddings
from ingest.database import reading
from ingest.records import Version
from ingest.sniff import PDF
from ingest.tables import ChunkRow, DocumentRow, PageRow, VersionRow
from workers.comparing.statements import Statement, statements
from workers.errors import DocumentNotReady
from workers.outline import coverage

#: Changes with how texts are cut into statements and compared: part of every content key.
VERSION = 1
#: A title above more chunks, and above a larger share of all, says nothing of what is below it.
COVERED_CHUNKS, COVERED = 8, 0.25


@dataclass(frozen=True, slots=True)
class Source:
    """One side of a comparison."""

    document_id: str
    version_id: str
    statements: tuple[Statement, ...]
    vectors: Mapping[int, Any]  #: by ordinal of the chunk; without chunks that have none
    coverage: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Content:
    """What the database holds of a version."""

    version: VersionRow
    chunks: list[ChunkRow]
    pages: dict[int, str]
    printed: bool  #: its pages are those of the file


def load(version_id: str, check: Callable[[], None]) -> Source:
    """Cut a version into statements. Raises DocumentNotReady when it is there no more.

    `check` is called again and again and may raise.
    """
    held = _content(version_id)
    titles = _Titles(held.chunks)
    found = statements(held.pages, titles.at, printed=held.printed, check=check)
    return Source(
        document_id=held.version.document_id,
        version_id=version_id,
        statements=tuple(found),
        vectors=_vectors(held),
        coverage=coverage(held.chunks, held.pages, Version.of(held.version)),
    )


def _vectors(held: _Content) -> dict[int, Any]:
    """Those of the generation that serves; it may have none of a version that was replaced."""
    ordinals = {chunk.id: chunk.ordinal for chunk in held.chunks}
    with reading() as session:
        made = embeddings.served(session, held.version.id)
    return {ordinals[chunk_id]: embed.from_blob(vector) for chunk_id, vector in made.items()}


def fingerprint(version_id: str) -> str:
    """Of all that a version's statements are made of. Raises DocumentNotReady."""
    held = _content(version_id)
    told = hashlib.sha256(f"{VERSION}:{held.printed}".encode())
    for number, text in held.pages.items():
        told.update(f"\f{number}\n{text}".encode())
    for chunk in held.chunks:
        told.update(f"\f{chunk.page}:{chunk.char_start}:{chunk.heading}".encode())
    return told.hexdigest()


def _content(version_id: str) -> _Content:
    with reading() as session:
        version = session.get(VersionRow, version_id)
        if version is None:
            raise DocumentNotReady(status="deleted")
        document = session.get_one(DocumentRow, version.document_id)
        of_version = select(ChunkRow).where(ChunkRow.version_id == version_id)
        chunks = list(session.scalars(of_version.order_by(ChunkRow.ordinal)))
        texts = select(PageRow.number, PageRow.text).where(PageRow.version_id == version_id)
        pages = dict(session.execute(texts.order_by(PageRow.number)).all())
    return _Content(version, chunks, pages, document.media_type == PDF)


class _Titles:
    """The chunk and the title that a place lies in."""

    def __init__(self, chunks: Sequence[ChunkRow]) -> None:
        counts = Counter(chunk.heading for chunk in chunks)
        most = max(COVERED_CHUNKS, COVERED * len(chunks))
        self._begins = [(chunk.page, chunk.char_start) for chunk in chunks]
        self._found = [
            (chunk.ordinal, chunk.heading if counts[chunk.heading] <= most else "")
            for chunk in chunks
        ]

    def at(self, page: int, place: int) -> tuple[int, str]:
        """Of the chunk that begins last before the place."""
        number = bisect_right(self._begins, (page, place)) - 1
        return self._found[number] if number >= 0 else (0, "")
