"""What the library knows, as values that outlive the session they were read in."""

from dataclasses import asdict, dataclass
from typing import Any

from ingest import filters
from ingest.layout import Layout
from ingest.tables import (
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    GenerationRow,
    VersionRow,
)


@dataclass(frozen=True, slots=True)
class DenseIndex:
    """What a collection's vectors are."""

    embedder: str  #: name
    fingerprint: str  #: of the embedder
    dimensions: int  #: 0: not known yet

    @classmethod
    def of(cls, row: GenerationRow) -> "DenseIndex":
        """The value of a row."""
        return cls(row.name, row.embedder, row.dimensions)


@dataclass(frozen=True, slots=True)
class Collection:
    """A knowledge base."""

    id: str
    name: str
    created_at: float
    documents: int  #: how many it holds
    index: DenseIndex | None  #: that is searched; None before anything was embedded

    @classmethod
    def of(cls, row: CollectionRow, documents: int, serving: GenerationRow | None) -> "Collection":
        """The value of a row."""
        index = DenseIndex.of(serving) if serving is not None else None
        return cls(row.id, row.name, row.created_at, documents, index)

    def public(self) -> dict[str, Any]:
        """The collection as the REST interface shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it came in."""

    name: str
    media_type: str
    sha256: str
    size: int  #: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a document."""

    id: str
    document_id: str
    number: int
    sha256: str
    size: int  #: bytes
    page_count: int | None  #: None until it has been read
    character_count: int | None
    empty_pages: list[int]
    ocr_pages: list[int]  #: read by OCR
    created_at: float

    @classmethod
    def of(cls, row: VersionRow) -> "Version":
        """The value of a row."""
        return cls(
            id=row.id,
            document_id=row.document_id,
            number=row.number,
            sha256=row.sha256,
            size=row.size,
            page_count=row.page_count,
            character_count=row.character_count,
            empty_pages=_numbers(row.empty_pages),
            ocr_pages=_numbers(row.ocr_pages),
            created_at=row.created_at,
        )

    def public(self) -> dict[str, Any]:
        """The version as the REST interface shows it."""
        hidden = {"document_id", "sha256", "created_at"}
        return {key: value for key, value in asdict(self).items() if key not in hidden}


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a collection."""

    id: str
    collection_id: str
    name: str
    media_type: str
    status: DocumentStatus
    error: dict[str, str] | None  #: code and message of a failed reading
    version: Version | None  #: the current one
    tags: list[str]
    created_at: float

    @classmethod
    def of(cls, row: DocumentRow, version: VersionRow | None) -> "Document":
        """The value of a row and its current version."""
        return cls(
            id=row.id,
            collection_id=row.collection_id,
            name=row.name,
            media_type=row.media_type,
            status=DocumentStatus(row.status),
            error=_error(row),
            version=Version.of(version) if version else None,
            tags=filters.split(row.tags),
            created_at=row.created_at,
        )

    def public(self) -> dict[str, Any]:
        """The document as the REST interface shows it."""
        return {**asdict(self), "version": self.version.public() if self.version else None}


def _numbers(listed: str) -> list[int]:
    return [int(number) for number in listed.split(",") if number]


def _error(row: DocumentRow) -> dict[str, str] | None:
    if row.error_code is None:
        return None
    return {"code": row.error_code, "message": row.error_message or ""}


@dataclass(frozen=True, slots=True)
class PageText:
    """The canonical text of one page of one version."""

    document_id: str
    version_id: str
    page: int
    page_count: int | None
    text: str
    layout: Layout | None = None  #: of a page that was read by OCR

    def public(self) -> dict[str, Any]:
        """The page as the REST interface shows it."""
        shown = {key: value for key, value in asdict(self).items() if key != "layout"}
        return {**shown, "ocr": self.layout is not None}
