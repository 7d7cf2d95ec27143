"""The library's tables. Times are seconds since the epoch; ids come from `database.new_id`."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.database import Table


class DocumentStatus(StrEnum):
    """What a reader may expect of a document."""

    WAITING = "waiting"  #: stored, not read yet
    READING = "reading"  #: a job is reading it
    READY = "ready"  #: pages, chunks and vectors are complete
    FAILED = "failed"  #: could not be read; `error_code` says why
    DELETING = "deleting"  #: hidden from everybody; a job removes what is left


class CollectionRow(Table):
    """A knowledge base."""

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    embedder: Mapped[str | None]  #: fingerprint of the embedder, set by the first chunk
    deleting: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]


class DocumentRow(Table):
    """One file of a collection."""

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(primary_key=True)
    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id"), index=True)
    name: Mapped[str]  #: for display only, never a path
    media_type: Mapped[str]
    status: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    current_version_id: Mapped[str | None]
    tags: Mapped[str] = mapped_column(
        default="", server_default=text("''")
    )  #: see `ingest.filters`
    created_at: Mapped[float]


class VersionRow(Table):
    """One content of a document; its text never changes once it is read."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)  #: bytes
    page_count: Mapped[int | None]
    character_count: Mapped[int | None]
    empty_pages: Mapped[str] = mapped_column(default="")  #: numbers of pages without text: "3,7"
    #: Numbers of pages that were read by OCR, likewise.
    ocr_pages: Mapped[str] = mapped_column(default="", server_default=text("''"))
    created_at: Mapped[float]


class PageRow(Table):
    """The canonical text of one page, never normalised."""

    __tablename__ = "pages"

    version_id: Mapped[str] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)  #: from 1
    text: Mapped[str]
    layout: Mapped[dict[str, Any] | None] = mapped_column(JSON)  #: where OCR saw its lines


class ChunkRow(Table):
    """A span that is indexed. `indexed` turns true after Chroma has taken the vector."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("version_id", "ordinal"),
        Index("ix_chunks_pending", "version_id", "indexed"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    ordinal: Mapped[int]  #: from 0, in reading order
    page: Mapped[int]
    char_start: Mapped[int]  #: code points of the page's text
    char_end: Mapped[int]  #: exclusive
    heading: Mapped[str]  #: titles above it, joined by " › "
    #: The header row of the table it begins in.
    context: Mapped[str] = mapped_column(default="", server_default=text("''"))
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)  #: float16, little endian
    indexed: Mapped[bool] = mapped_column(default=False)
