"""Collections, documents and what is known of their contents.

Every function works inside the caller's session (`database.reading()` or `database.writing()`).
What is being deleted exists for nobody. Knows neither who asks nor how documents are read.
"""

from collections.abc import Sequence

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest import filters, generations, lexical, profiles
from ingest.database import new_id, now
from ingest.errors import (
    CollectionNameTaken,
    CollectionNameUnusable,
    CollectionNotFound,
    DocumentNotFound,
    PageNotFound,
)
from ingest.layout import Layout
from ingest.names import file_name, one_line
from ingest.records import Collection, Document, Original, PageText
from ingest.tables import (
    ChunkRow,
    CollectionRow,
    DocumentRow,
    DocumentStatus,
    GenerationRow,
    PageRow,
    VersionRow,
)

COLLECTION_NAME_CHARACTERS = 200


def create_collection(session: Session, name: str) -> Collection:
    """A new, empty collection. Names are unique as they are shown, one line without blank ends."""
    shown = one_line(name)
    if not shown or len(shown) > COLLECTION_NAME_CHARACTERS:
        raise CollectionNameUnusable(limit=COLLECTION_NAME_CHARACTERS)
    if session.scalar(select(CollectionRow.id).where(CollectionRow.name == shown)):
        raise CollectionNameTaken(name=shown)
    row = CollectionRow(id=new_id("col"), name=shown, created_at=now(session))
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:  # somebody was faster
        raise CollectionNameTaken(name=shown) from error
    return Collection.of(row, 0, None)


def collections(session: Session) -> list[Collection]:
    """Every collection, oldest first."""
    counted = (
        select(CollectionRow, func.count(DocumentRow.id), GenerationRow)
        .outerjoin(GenerationRow, generations.serves(CollectionRow.id))
        .outerjoin(
            DocumentRow,
            (DocumentRow.collection_id == CollectionRow.id)
            & (DocumentRow.status != DocumentStatus.DELETING),
        )
        .where(CollectionRow.deleting.is_(False))
        .group_by(CollectionRow.id, GenerationRow.id)
        .order_by(CollectionRow.created_at, CollectionRow.id)
    )
    return [Collection.of(*row) for row in session.execute(counted)]


def collection(session: Session, collection_id: str) -> Collection:
    """One collection. Raises CollectionNotFound."""
    row = _collection(session, collection_id)
    counting = select(func.count()).where(
        DocumentRow.collection_id == row.id, DocumentRow.status != DocumentStatus.DELETING
    )
    index = session.scalars(select(GenerationRow).where(generations.serves(row.id))).first()
    return Collection.of(row, session.scalar(counting) or 0, index)


def hide_collection(session: Session, collection_id: str) -> list[str]:
    """Mark a collection and all its documents deleting; returns the documents' ids."""
    row = _collection(session, collection_id)
    row.deleting = True
    row.name = f"{row.name} (deleting {row.id})"  # its name is free again at once
    documents_of = select(DocumentRow).where(DocumentRow.collection_id == row.id)
    documents = list(session.scalars(documents_of))
    for document in documents:
        document.status = DocumentStatus.DELETING
    return [document.id for document in documents]


def add(session: Session, collection_id: str, original: Original) -> tuple[Document, bool]:
    """Put a file into a collection; returns the document and whether it was there already.

    A document whose reading failed is not a duplicate of itself: it waits to be read again.
    """
    _collection(session, collection_id)
    one_at_a_time(session, [original.sha256])
    same = (
        _visible()
        .where(DocumentRow.collection_id == collection_id)
        .where(VersionRow.sha256 == original.sha256)
    )
    known = session.execute(same.order_by(DocumentRow.created_at).limit(1)).first()
    if known is None:
        return _new_document(session, collection_id, original), False
    document, version = known
    if document.status != DocumentStatus.FAILED:
        return Document.of(document, version), True
    document.status = DocumentStatus.WAITING
    document.error_code = document.error_message = None
    return Document.of(document, version), False


def document(session: Session, document_id: str) -> Document:
    """One document. Raises DocumentNotFound."""
    row = session.execute(_visible().where(DocumentRow.id == document_id)).first()
    if row is None:
        raise DocumentNotFound(id=document_id)
    return Document.of(*row)


def tag(session: Session, document_id: str, tags: Sequence[str]) -> Document:
    """Give a document these tags and no others. Raises DocumentNotFound, TagsUnusable."""
    document(session, document_id)
    session.get_one(DocumentRow, document_id).tags = filters.joined(tags)
    session.flush()
    return document(session, document_id)


def documents(session: Session, collection_id: str) -> list[Document]:
    """The documents of a collection, oldest first. Raises CollectionNotFound."""
    _collection(session, collection_id)
    listing = _visible().where(DocumentRow.collection_id == collection_id)
    ordered = listing.order_by(DocumentRow.created_at, DocumentRow.id)
    return [Document.of(*row) for row in session.execute(ordered)]


def page(
    session: Session, document_id: str, number: int, version_id: str | None = None
) -> PageText:
    """One page's text, of the current version by default.

    Raises DocumentNotFound, and PageNotFound also for a version of another document.
    """
    current = document(session, document_id).version
    wanted = version_id or (current.id if current else "")
    query = (
        select(PageRow, VersionRow)
        .join(VersionRow, VersionRow.id == PageRow.version_id)
        .where(VersionRow.document_id == document_id, VersionRow.id == wanted)
        .where(PageRow.number == number)
    )
    found = session.execute(query).first()
    if found is None:
        raise PageNotFound(id=document_id, page=number)
    row, version = found
    layout = Layout.of(row.layout) if row.layout else None
    return PageText(document_id, version.id, number, version.page_count, row.text, layout)


def page_texts(session: Session, document_id: str, characters: int) -> list[str]:
    """The pages' texts of a document that is ready, in order.

    Empty when it is not, or has more than so many characters.
    """
    query = (
        select(PageRow.text)
        .join(VersionRow, VersionRow.id == PageRow.version_id)
        .join(DocumentRow, DocumentRow.current_version_id == VersionRow.id)
        .where(DocumentRow.id == document_id, DocumentRow.status == DocumentStatus.READY)
        .where(VersionRow.character_count <= characters)
    )
    return list(session.scalars(query.order_by(PageRow.number)))


def hide_document(session: Session, document_id: str) -> None:
    """Mark a document deleting. Raises DocumentNotFound."""
    document(session, document_id)
    session.get_one(DocumentRow, document_id).status = DocumentStatus.DELETING


def erase(session: Session, document_id: str) -> list[str]:
    """Remove every row of a document; returns the hashes that no document refers to any more.

    Delete those blobs before the transaction ends: `add` of the same content waits for it, and
    afterwards finds that the blob has to be stored again.
    """
    own = select(VersionRow.id, VersionRow.sha256).where(VersionRow.document_id == document_id)
    versions = dict(session.execute(own).all())
    hashes = sorted(set(versions.values()))
    clear_contents(session, list(versions))
    session.execute(delete(VersionRow).where(VersionRow.document_id == document_id))
    session.execute(delete(DocumentRow).where(DocumentRow.id == document_id))
    return unreferenced(session, hashes)


def unreferenced(session: Session, hashes: Sequence[str]) -> list[str]:
    """Those of the hashes that no document refers to, nor begins to before the transaction ends."""
    one_at_a_time(session, hashes)
    kept = set(session.scalars(select(VersionRow.sha256).where(VersionRow.sha256.in_(hashes))))
    return [sha256 for sha256 in hashes if sha256 not in kept]


def erase_collection(session: Session, collection_id: str) -> None:
    """Remove the row of a collection whose documents have been erased."""
    generations.erase_all(session, collection_id)
    session.execute(delete(CollectionRow).where(CollectionRow.id == collection_id))


def forget_content(session: Session, document_id: str, code: str, message: str) -> None:
    """Note that a reading failed: pages and chunks go, the original and the reason stay."""
    row = session.get(DocumentRow, document_id)
    if row is None:
        raise DocumentNotFound(id=document_id)
    version = session.get_one(VersionRow, row.current_version_id)
    clear_contents(session, [version.id])
    version.page_count = version.character_count = None
    version.empty_pages = version.ocr_pages = ""
    if row.status != DocumentStatus.DELETING:
        row.status = DocumentStatus.FAILED
        row.error_code, row.error_message = code, message


def _new_document(session: Session, collection_id: str, original: Original) -> Document:
    moment = now(session)
    row = DocumentRow(
        id=new_id("doc"),
        collection_id=collection_id,
        name=file_name(original.name),
        media_type=original.media_type,
        status=DocumentStatus.WAITING,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    version = VersionRow(
        id=new_id("ver"),
        document_id=row.id,
        number=1,
        sha256=original.sha256,
        size=original.size,
        empty_pages="",
        created_at=moment,
    )
    session.add(version)
    row.current_version_id = version.id
    session.flush()
    profiles.note(session, collection_id, row.id, row.name)
    return Document.of(row, version)


def _visible() -> "Select[DocumentRow, VersionRow]":
    """Documents that exist for users, each with its current version."""
    return (
        select(DocumentRow, VersionRow)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .outerjoin(VersionRow, VersionRow.id == DocumentRow.current_version_id)
        .where(DocumentRow.status != DocumentStatus.DELETING, CollectionRow.deleting.is_(False))
    )


def _collection(session: Session, collection_id: str) -> CollectionRow:
    row = session.get(CollectionRow, collection_id)
    if row is None or row.deleting:
        raise CollectionNotFound(id=collection_id)
    return row


def clear_contents(session: Session, version_ids: Sequence[str]) -> None:
    """Remove what was read of versions, to be read anew or not at all."""
    lexical.remove(session, version_ids)
    session.execute(delete(ChunkRow).where(ChunkRow.version_id.in_(version_ids)))
    session.execute(delete(PageRow).where(PageRow.version_id.in_(version_ids)))


def one_at_a_time(session: Session, hashes: Sequence[str]) -> None:
    """Hold, until the transaction ends, what `add` and `erase` of the same contents hold.

    SQLite has one writer anyway. In Postgres two uploads of one file must not both find nothing,
    and a blob must not be deleted while a new document begins to refer to it.
    """
    if session.get_bind().dialect.name == "postgresql":
        for sha256 in sorted(hashes):
            lock = text("SELECT pg_advisory_xact_lock(('x' || left(:hash, 16))::bit(64)::bigint)")
            session.execute(lock, {"hash": sha256})
