"""The versions of a document: a new one comes in, is read beside the old one, and takes its place.

Readers see one version, the current one. Pages and chunks of earlier ones stay, so that citations
of them open; they are in no index any more. Every function works inside the caller's session.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest import embeddings, lexical, library
from ingest.database import new_id, now
from ingest.errors import StillBeingRead, VersionNotFound, VersionTypeDiffers
from ingest.records import Original, Version
from ingest.tables import DocumentRow, DocumentStatus, VersionRow

UNREAD = frozenset({DocumentStatus.WAITING, DocumentStatus.READING})


@dataclass(frozen=True, slots=True)
class Extent:
    """What was read of a version."""

    pages: int
    characters: int
    empty_pages: Sequence[int]
    ocr_pages: Sequence[int] = ()  #: read by OCR


def listing(session: Session, document_id: str) -> list[Version]:
    """The versions of a document, newest first. Raises DocumentNotFound."""
    library.document(session, document_id)
    return [Version.of(row) for row in _rows(session, document_id)]


def get(session: Session, document_id: str, version_id: str) -> Version:
    """One version. Raises DocumentNotFound, VersionNotFound."""
    found = (one for one in listing(session, document_id) if one.id == version_id)
    version = next(found, None)
    if version is None:
        raise VersionNotFound(id=document_id, version=version_id)
    return version


def add(session: Session, document_id: str, original: Original) -> tuple[Version, bool]:
    """Keep new content of a document, to be read; returns also whether it was there already.

    The bytes that readers see, or that are being read to be seen, are no new version; but what
    could not be read is read again. Raises DocumentNotFound, StillBeingRead, VersionTypeDiffers.
    """
    library.document(session, document_id)
    document = session.get_one(DocumentRow, document_id, with_for_update=True)
    if document.status in UNREAD:
        raise StillBeingRead(status=document.status)
    if original.media_type != document.media_type:
        raise VersionTypeDiffers(media_type=original.media_type, expected=document.media_type)
    library.one_at_a_time(session, [original.sha256])
    rows = _rows(session, document_id)
    current = next(row for row in rows if row.id == document.current_version_id)
    for row in rows:
        if row.sha256 == original.sha256 and row.number >= current.number:
            return Version.of(row), not _to_be_read_again(document, row)
    row = VersionRow(
        id=new_id("ver"),
        document_id=document_id,
        number=rows[0].number + 1,
        sha256=original.sha256,
        size=original.size,
        empty_pages="",
        created_at=now(session),
    )
    session.add(row)
    session.flush()
    return Version.of(row), False


def show(session: Session, version_id: str, extent: Extent) -> None:
    """Let readers see a version that has been read, in the place of the one they saw.

    One that is older than what they see is kept unseen. May be repeated.
    """
    version = session.get_one(VersionRow, version_id)
    document = session.get_one(DocumentRow, version.document_id, with_for_update=True)
    version.page_count, version.character_count = extent.pages, extent.characters
    version.empty_pages = ",".join(map(str, extent.empty_pages))
    version.ocr_pages = ",".join(map(str, extent.ocr_pages))
    current = session.get_one(VersionRow, document.current_version_id)
    if version.number >= current.number:
        document.current_version_id = version.id
        document.status = DocumentStatus.READY
        document.error_code = document.error_message = None
        current = version
    rows = _rows(session, document.id)
    past = [row.id for row in rows if row.number < current.number]
    lexical.remove(session, past)
    embeddings.unmark(session, past)


def indexed(session: Session, document_id: str) -> list[str]:
    """The versions whose vectors belong into the index: what readers see, and what comes after."""
    document = session.get_one(DocumentRow, document_id)
    current = session.get_one(VersionRow, document.current_version_id)
    return [row.id for row in _rows(session, document_id) if row.number >= current.number]


def drop(session: Session, version_id: str) -> list[str]:
    """Forget a version that could not be read to take a place; what was ever seen stays.

    Returns the contents that nothing refers to any more: delete those blobs before the
    transaction ends, as after `library.erase`.
    """
    version = session.get(VersionRow, version_id)
    if version is None or version.page_count is not None:
        return []
    library.one_at_a_time(session, [version.sha256])
    library.clear_contents(session, [version.id])
    session.delete(version)
    session.flush()
    return library.unreferenced(session, [version.sha256])


def _to_be_read_again(document: DocumentRow, version: VersionRow) -> bool:
    """Whether it is what could not be read; then it waits for another try."""
    failed = document.status == DocumentStatus.FAILED
    if failed and version.id == document.current_version_id:
        document.status = DocumentStatus.WAITING
        document.error_code = document.error_message = None
        return True
    return False


def _rows(session: Session, document_id: str) -> Sequence[VersionRow]:
    """Newest first."""
    own = select(VersionRow).where(VersionRow.document_id == document_id)
    return session.scalars(own.order_by(VersionRow.number.desc())).all()
