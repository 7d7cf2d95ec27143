"""The versions of a document: a new one comes in, and the list of all."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from ingest import library, versions
from ingest.database import reading, writing
from ingest.errors import TooManyFiles
from ingest.records import Original
from service import uploads
from service.deps import Identifier
from service.routes.documents import MULTIPART
from service.schemas import library as schemas
from service.schemas.jobs import UploadedVersion
from service.uploads import Incoming
from workers import submit

router = APIRouter(prefix="/v1/documents/{document_id}/versions", tags=["documents"])


@router.get("", response_model=schemas.Versions)
def list_versions(document_id: Identifier) -> dict[str, Any]:
    """The versions of a document, newest first; `current` is the one that readers see."""
    with reading() as session:
        current = library.document(session, document_id).version
        found = versions.listing(session, document_id)
    current_id = current.id if current else None
    return {
        "versions": [
            {**one.public(), "created_at": one.created_at, "current": one.id == current_id}
            for one in found
        ]
    }


@router.post("", status_code=202, response_model=UploadedVersion, openapi_extra=MULTIPART)
async def upload_version(document_id: Identifier, request: Request) -> dict[str, Any]:
    """Put a new version into a document: one file, of the same kind, in the field `files`.

    It is read in the background and then takes the place of the old one, which readers see until
    then, and which stays if the new one can't be read. Citations of old versions still open. The
    same bytes again are no new version: `duplicate: true`.
    """
    await run_in_threadpool(_require_document, document_id)
    files = await uploads.receive(request)
    return await run_in_threadpool(_keep, document_id, files)


def _require_document(document_id: str) -> None:
    with reading() as session:
        library.document(session, document_id)


def _keep(document_id: str, files: list[Incoming]) -> dict[str, Any]:
    """Record the file, then ask for it to be read."""
    try:
        if len(files) > 1:
            raise TooManyFiles(limit=1)
        file = files[0]
        original = Original(file.name, file.media_type, file.intake.sha256, file.intake.size)
        with writing() as session:
            version, duplicate = versions.add(session, document_id, original)
            file.intake.commit()
    finally:
        for file in files:
            file.intake.discard()
    job = submit.read_version(document_id, version, duplicate)
    with reading() as session:
        document = library.document(session, document_id)
    return {
        "document": {**document.public(), "duplicate": duplicate},
        "version": version.public(),
        "job": job.public(),
    }
