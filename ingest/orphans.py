"""Originals that no document refers to: what a crash between a file's rename and the commit of its
row leaves behind.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from ingest import blobs, library
from ingest.database import reading, writing
from ingest.errors import StoreForeign
from ingest.settings import settings
from ingest.tables import VersionRow

BATCH = 500


def remove(older_than: float = blobs.ABANDONED_SECONDS) -> int:
    """Remove originals without a document that are so old (seconds); returns how many.

    Raises StoreForeign when they are the most: then it is the database that is the wrong one.
    """
    kept = list(blobs.hashes())
    unknown = list(_unknown(kept))
    if len(unknown) > len(kept) / 2:
        raise StoreForeign(unknown=len(unknown), kept=len(kept), url=settings().resolved_blob_url)
    return sum(_remove(sha256) for sha256 in unknown if blobs.age(sha256) > older_than)


def _unknown(hashes: Sequence[str]) -> Iterator[str]:
    for begin in range(0, len(hashes), BATCH):
        page = hashes[begin : begin + BATCH]
        query = select(VersionRow.sha256).where(VersionRow.sha256.in_(page))
        with reading() as session:
            known = set(session.scalars(query))
        yield from (sha256 for sha256 in page if sha256 not in known)


def _remove(sha256: str) -> int:
    with writing() as session:  # who adds the same bytes now waits, and brings them again
        orphans = library.unreferenced(session, [sha256])
        for orphan in orphans:
            blobs.delete(orphan)
    return len(orphans)
