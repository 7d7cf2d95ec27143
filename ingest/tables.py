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


class GenerationStatus(StrEnum):
    """What a generation of a collection's vectors is for."""

    SERVING = "serving"  #: searched and written; one of a collection at most
    MAKING = "making"  #: a job fills it; documents that are read are written into it too
    KEPT = "kept"  #: its job failed; the next one goes on with it
    RETIRED = "retired"  #: nobody's any more; what is left of it is being removed


class CollectionRow(Table):
    """A knowledge base."""

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    deleting: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]


class DocumentRow(Table):
    """One file of a collection."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("ix_documents_within", "collection_id", "status", "current_version_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id"))
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


class NameWordRow(Table):
    """A word of a document's name, by which a question may speak of it; see `ingest.addressed`."""

    __tablename__ = "name_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    collection_id: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, index=True
    )


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
    """A span that is indexed."""

    __tablename__ = "chunks"
    __table_args__ = (UniqueConstraint("version_id", "ordinal"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    ordinal: Mapped[int]  #: from 0, in reading order
    page: Mapped[int]
    char_start: Mapped[int]  #: code points of the page's text
    char_end: Mapped[int]  #: exclusive
    heading: Mapped[str]  #: titles above it, joined by " › "
    #: The header row of the table it begins in.
    context: Mapped[str] = mapped_column(default="", server_default=text("''"))


class GenerationRow(Table):
    """The vectors of a collection by one embedder, and the index in Chroma that holds them."""

    __tablename__ = "generations"
    __table_args__ = (
        Index(
            "ix_generations_serving",
            "collection_id",
            unique=True,
            sqlite_where=text("status = 'serving'"),
            postgresql_where=text("status = 'serving'"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  #: names the index in Chroma
    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id"), index=True)
    embedder: Mapped[str]  #: fingerprint
    name: Mapped[str]  #: of the embedder, for display
    folder: Mapped[str]  #: where the embedder was found; empty: the bundled one
    dimensions: Mapped[int]  #: of a vector; 0: not known yet
    status: Mapped[str]
    job_id: Mapped[str | None]  #: that makes it, or made it
    changed_at: Mapped[float]  #: its status


class EmbeddingRow(Table):
    """The vector of a chunk in a generation: the truth, which the index can be made of anew."""

    __tablename__ = "embeddings"
    __table_args__ = (Index("ix_embeddings_of_generation", "generation_id", "indexed"),)

    chunk_id: Mapped[str] = mapped_column(
        ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True
    )
    generation_id: Mapped[str] = mapped_column(ForeignKey("generations.id"), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)  #: float16, little endian
    indexed: Mapped[bool] = mapped_column(default=False)  #: Chroma has taken it, and is to keep it
