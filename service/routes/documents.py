"""Documents: files that come in, what is known of them, and the way out."""

from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from ingest import blobs, library, versions
from ingest.database import reading, writing
from ingest.records import Original
from service import fetching, uploads
from service.deps import Identifier, OptionalId, Owner
from service.schemas import library as schemas
from service.schemas.jobs import JobAnswer, Uploaded
from service.uploads import Incoming
from workers import submit
from workers.wishes import Wish

router = APIRouter(prefix="/v1", tags=["documents"])
SLICE = 256 * 1024

MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                        }
                    },
                }
            }
        },
    }
}


@router.get("/collections/{collection_id}/documents", response_model=schemas.Documents)
def list_documents(collection_id: Identifier) -> dict[str, Any]:
    """The documents of a collection, oldest first."""
    with reading() as session:
        return {"documents": [d.public() for d in library.documents(session, collection_id)]}


@router.post(
    "/collections/{collection_id}/documents",
    status_code=202,
    response_model=Uploaded,
    openapi_extra=MULTIPART,
)
async def upload_documents(
    collection_id: Identifier, owner: Owner, request: Request
) -> dict[str, Any]:
    """Put one or many files into a collection; a job reads each of them.

    All files of a request are accepted or none: 422 `empty_file`, 415 `unsupported_type`,
    413 `file_too_large`, 422 `too_many_files`. A file that the collection holds already is
    answered with that document and `duplicate: true`; one whose reading failed is read again.
    """
    await run_in_threadpool(_require_collection, collection_id)
    files = await uploads.receive(request)
    return await run_in_threadpool(_keep, collection_id, files, Wish(owner=owner))


@router.post(
    "/collections/{collection_id}/documents/import", status_code=202, response_model=Uploaded
)
async def import_document(
    collection_id: Identifier, wanted: schemas.WebAddress, owner: Owner
) -> dict[str, Any]:
    """Fetch a file from a web address into a collection; a job reads it.

    Only from hosts of `LECTERN_IMPORT_HOSTS`: 422 `import_off`, `url_refused`,
    502 `url_unreachable`; else as an upload.
    """
    await run_in_threadpool(_require_collection, collection_id)
    file = await fetching.fetch(wanted.url)
    return await run_in_threadpool(_keep, collection_id, [file], Wish(owner=owner))


@router.get("/documents/{document_id}", response_model=schemas.Document)
def get_document(document_id: Identifier) -> dict[str, Any]:
    """One document."""
    with reading() as session:
        return library.document(session, document_id).public()


@router.put("/documents/{document_id}/tags", response_model=schemas.Document)
def tag_document(document_id: Identifier, wanted: schemas.Tags) -> dict[str, Any]:
    """Give a document these tags and no others, for searches to be narrowed to."""
    with writing() as session:
        return library.tag(session, document_id, wanted.tags).public()


@router.delete("/documents/{document_id}", status_code=202, response_model=JobAnswer)
def delete_document(document_id: Identifier, owner: Owner) -> dict[str, Any]:
    """Remove a document: gone for everybody at once, erased by a job."""
    return {"job": submit.delete_document(document_id, Wish(owner=owner)).public()}


@router.get(
    "/documents/{document_id}/content",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def get_content(document_id: Identifier, version_id: OptionalId = None) -> StreamingResponse:
    """The bytes that were uploaded, to be saved, never shown; of the current version by default."""
    with reading() as session:
        document = library.document(session, document_id)
        assert document.version is not None
        version = versions.get(session, document_id, version_id or document.version.id)
    return StreamingResponse(
        _slices(blobs.open(version.sha256)),
        media_type=document.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
            "Content-Length": str(version.size),
        },
    )


def _require_collection(collection_id: str) -> None:
    with reading() as session:
        library.collection(session, collection_id)


def _keep(collection_id: str, files: list[Incoming], wish: Wish) -> dict[str, Any]:
    """Record all files in one transaction, then ask for each to be read."""
    try:
        with writing() as session:
            kept = []
            for file in files:
                intake = file.intake
                original = Original(file.name, file.media_type, intake.sha256, intake.size)
                kept.append(library.add(session, collection_id, original))
                intake.commit()
    finally:
        for file in files:
            file.intake.discard()
    readings = {
        document.id: submit.read_new(document, duplicate, wish) for document, duplicate in kept
    }
    return {
        "documents": [{**document.public(), "duplicate": again} for document, again in kept],
        "jobs": [job.public() for job in readings.values() if job is not None],
    }


def _slices(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while data := file.read(SLICE):
            yield data
