"""Pages of a document: their text, their picture, and where words stand on it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from ingest import blobs, library, sandbox, versions
from ingest.database import reading
from ingest.layout import Layout
from ingest.sandbox import Limits
from ingest.sniff import PDF, PICTURES
from service.deps import Identifier, Offset, OptionalId, PageNumber
from service.errors import NoPageImage
from service.schemas import library as schemas

router = APIRouter(prefix="/v1/documents/{document_id}/pages/{number}", tags=["pages"])

#: A reader waits for these, and each costs a process: few at once, and not for long.
VIEWS_AT_ONCE = 4
VIEW_SECONDS = 20.0
WIDEST = 4_000
CACHED_SECONDS = 600
CURRENT_SECONDS = 60  #: of a page whose document may get another version

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Place:
    """A page that is meant."""

    document_id: str
    number: int
    version_id: str | None  #: None: the current one


@dataclass(frozen=True, slots=True)
class Original:
    """The file that has a page as its readers saw it."""

    sha256: str
    media_type: str
    layout: Layout | None  #: of a page that was read by OCR


def _place(document_id: Identifier, number: PageNumber, version_id: OptionalId = None) -> Place:
    return Place(document_id, number, version_id)


Meant = Annotated[Place, Depends(_place)]


@router.get("", response_model=schemas.Page)
def get_page(page: Meant) -> dict[str, Any]:
    """The text of a page, of the current version unless another is named."""
    with reading() as session:
        return library.page(session, page.document_id, page.number, page.version_id).public()


@router.get("/boxes", response_model=schemas.Boxes)
async def get_boxes(
    request: Request, page: Meant, char_start: Offset, char_end: Offset
) -> dict[str, Any]:
    """Where a span stands on a page of a PDF or a picture. 422 `no_page_image` for others."""

    def find(path: Path, original: Original) -> dict[str, Any]:
        layout = original.layout
        if layout is not None:  # read by OCR: only the page's row knows
            boxes = layout.boxes(char_start, char_end)
            return {"width": layout.width, "height": layout.height, "boxes": boxes}
        return asdict(sandbox.boxes(path, page.number, char_start, char_end, _limits()))

    return await _viewed(request, page, find)


@router.get("/image", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def get_image(
    request: Request,
    page: Meant,
    width: Annotated[int, Query(ge=16, le=WIDEST, description="pixels")] = 1_000,
) -> Response:
    """A page of a PDF, or a picture, as a PNG. 422 `no_page_image` for other documents."""

    def draw(path: Path, original: Original) -> bytes:
        return sandbox.image(path, page.number, width, _limits(), original.media_type)

    picture = await _viewed(request, page, draw)
    fresh = CACHED_SECONDS if page.version_id else CURRENT_SECONDS
    caching = {"Cache-Control": f"private, max-age={fresh}"}
    return Response(picture, media_type="image/png", headers=caching)


def _limits() -> Limits:
    return replace(Limits.from_settings(), seconds=VIEW_SECONDS)


async def _viewed(request: Request, page: Place, view: Callable[[Path, Original], Shown]) -> Shown:
    def look() -> Shown:
        original = _original(page)
        with blobs.local_path(original.sha256) as path:
            return view(path, original)

    # Its own limiter: those who wait for a picture take no thread from anybody else.
    return await to_thread.run_sync(look, limiter=request.app.state.views)


def _original(meant: Place) -> Original:
    with reading() as session:
        document = library.document(session, meant.document_id)
        if document.media_type != PDF and document.media_type not in PICTURES:
            raise NoPageImage(media_type=document.media_type)
        page = library.page(session, meant.document_id, meant.number, meant.version_id)
        version = versions.get(session, meant.document_id, page.version_id)
        return Original(version.sha256, document.media_type, page.layout)
