"""What an engine keeps of documents goes when they go, on every host that has computed them."""

from sqlalchemy import select

from ingest.database import reading
from ingest.tables import DocumentRow, DocumentStatus
from workers.engine.engine import Engine


def forget_deleted(engine: Engine) -> None:
    """Forget all that is made of documents which exist no more or are being deleted.

    Asked of SQL again and again and told by nobody: so it also holds for a worker that was away.
    """
    held = engine.sources()
    if not held:
        return
    there = select(DocumentRow.id).where(
        DocumentRow.id.in_(list(held)), DocumentRow.status != DocumentStatus.DELETING
    )
    with reading() as session:
        gone = held - set(session.scalars(there))
    if gone:
        engine.forget(gone)
