"""What a job may be about, looked up in the caller's session."""

from sqlalchemy.orm import Session

from ingest.errors import CollectionNotFound, DocumentNotFound, VersionNotFound
from ingest.tables import CollectionRow, DocumentRow, DocumentStatus, VersionRow
from workers.errors import DocumentNotReady


def document(session: Session, document_id: str) -> DocumentRow:
    """A document that is not being deleted. Raises DocumentNotFound."""
    row = session.get(DocumentRow, document_id)
    if row is None or row.status == DocumentStatus.DELETING:
        raise DocumentNotFound(id=document_id)
    return row


def readable(session: Session, document_id: str, collection_id: str | None = None) -> DocumentRow:
    """A document that has been read; in another collection than the given one it is not there."""
    row = document(session, document_id)
    if collection_id not in (None, row.collection_id):
        raise DocumentNotFound(id=document_id)
    if row.status != DocumentStatus.READY:
        raise DocumentNotReady(status=row.status)
    return row


def version(session: Session, of: DocumentRow, version_id: str | None) -> str | None:
    """The id of a version of the document that has been read; the current one by default."""
    if version_id is None:
        return of.current_version_id
    row = session.get(VersionRow, version_id)
    if row is None or row.document_id != of.id:
        raise VersionNotFound(id=of.id, version=version_id)
    if row.page_count is None:
        raise DocumentNotReady(status=DocumentStatus.READING)
    return row.id


def collection(session: Session, collection_id: str) -> CollectionRow:
    """A collection that is not being deleted. Raises CollectionNotFound."""
    row = session.get(CollectionRow, collection_id)
    if row is None or row.deleting:
        raise CollectionNotFound(id=collection_id)
    return row
