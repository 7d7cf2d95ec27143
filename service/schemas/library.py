"""The shapes of collections, documents and pages."""

from pydantic import Field

from ingest.tables import DocumentStatus
from service.schemas.forms import Answering, Asking, ErrorCode, LongText


class Reindexing(Answering):
    """The job that makes another index of a collection, and how far it is."""

    job_id: str
    status: str
    percent: float = 0
    stage: str = ""


class Index(Answering):
    """The vectors that a collection is searched by."""

    embedder: str = Field(description="its name")
    fingerprint: str = Field(description="model, dimensions, tokens, normalisation, prefix")
    dimensions: int = Field(description="of a vector; 0: not known yet")
    current: bool | None = Field(
        description="whether the workers use this embedder; null while none is there"
    )
    reindex: Reindexing | None


class Collection(Answering):
    """A knowledge base."""

    id: str
    name: str
    created_at: float = Field(description="seconds since the epoch")
    documents: int = Field(description="how many it holds")
    index: Index | None = Field(description="null before anything was embedded")


class Collections(Answering):
    """Every collection."""

    collections: list[Collection]


class NewCollection(Asking):
    """What a collection begins with."""

    name: str = Field(description="1 to 200 characters, unique", max_length=2_000)


class Version(Answering):
    """One content of a document."""

    id: str
    number: int
    size: int = Field(description="bytes")
    page_count: int | None
    character_count: int | None
    empty_pages: list[int] = Field(description="pages without text")
    ocr_pages: list[int] = Field(description="pages that were read by OCR")


class ListedVersion(Version):
    """A version in the list of all."""

    created_at: float
    current: bool = Field(description="what readers see, and what is searched")


class Versions(Answering):
    """The versions of a document, newest first."""

    versions: list[ListedVersion]


class Document(Answering):
    """One file of a collection."""

    id: str
    collection_id: str
    name: str
    media_type: str
    status: DocumentStatus
    error: ErrorCode | None
    version: Version | None
    tags: list[str]
    created_at: float


class WebAddress(Asking):
    """Where a file is."""

    url: LongText = Field(description="http or https, of a host that LECTERN_IMPORT_HOSTS allows")


class Tags(Asking):
    """What a document is to carry."""

    tags: list[LongText] = Field(max_length=1_000, description="one line, in small letters, sorted")


class Documents(Answering):
    """The documents of a collection."""

    documents: list[Document]


class Page(Answering):
    """The text of one page."""

    document_id: str
    version_id: str
    page: int
    page_count: int | None
    text: str = Field(description="canonical: offsets of citations count its code points")
    ocr: bool = Field(description="whether OCR read it from a picture")


class Boxes(Answering):
    """Where words stand on a page."""

    width: float = Field(description="points")
    height: float = Field(description="points")
    boxes: list[list[float]] = Field(description="x0, y0, x1, y1 in points, origin top left")
