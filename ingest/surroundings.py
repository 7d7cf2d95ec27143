"""What stands around a passage: its neighbours under the same heading of the same page.

A chunk is as long as a vector can speak for it. Who reads it wants to know what was said just
before and behind it, and there is often the answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ingest.passages import Found
from ingest.tables import ChunkRow, PageRow

Place = tuple[str, int]  #: version and ordinal of a chunk


def surrounded(session: Session, found: Sequence[Found]) -> Iterator[Found]:
    """The passages, each with a neighbour on both sides; a passage counts for the first it is in.

    Nothing is shown twice: who was taken in as a neighbour does not come again.
    """
    ordinals = _ordinals(session, found)
    near = _near(session, set(ordinals.values()))
    texts = _texts(session, found)
    shown: set[Place] = set()
    for one in found:
        at = ordinals.get(one.chunk_id)
        if at is None or at in shown:
            continue
        stretch = [at, *(each for each in _beside(near, at) if each not in shown)]
        shown.update(stretch)
        start = min(near[each].char_start for each in stretch)
        end = max(near[each].char_end for each in stretch)
        text = texts[one.version_id, one.page][start:end]
        yield replace(one, char_start=start, char_end=end, text=text)


def _beside(near: dict[Place, ChunkRow], at: Place) -> Iterator[Place]:
    version, ordinal = at
    for other in ((version, ordinal - 1), (version, ordinal + 1)):
        chunk = near.get(other)
        own = near[at].page, near[at].heading
        if chunk is not None and (chunk.page, chunk.heading) == own:
            yield other


def _ordinals(session: Session, found: Sequence[Found]) -> dict[str, Place]:
    own = select(ChunkRow.id, ChunkRow.version_id, ChunkRow.ordinal)
    rows = session.execute(own.where(ChunkRow.id.in_([one.chunk_id for one in found])))
    return {chunk_id: (version_id, ordinal) for chunk_id, version_id, ordinal in rows}


def _near(session: Session, places: set[Place]) -> dict[Place, ChunkRow]:
    """These chunks and those beside them."""
    wanted: dict[str, set[int]] = {}
    for version, ordinal in places:
        wanted.setdefault(version, set()).update((ordinal - 1, ordinal, ordinal + 1))
    if not wanted:
        return {}
    of_version = (
        and_(ChunkRow.version_id == version, ChunkRow.ordinal.in_(ordinals))
        for version, ordinals in wanted.items()
    )
    rows = session.scalars(select(ChunkRow).where(or_(*of_version)))
    return {(row.version_id, row.ordinal): row for row in rows}


def _texts(session: Session, found: Sequence[Found]) -> dict[tuple[str, int], str]:
    pages = {(one.version_id, one.page) for one in found}
    if not pages:
        return {}
    pairs = (and_(PageRow.version_id == version, PageRow.number == page) for version, page in pages)
    shown = select(PageRow.version_id, PageRow.number, PageRow.text).where(or_(*pairs))
    return {(version, page): text for version, page, text in session.execute(shown)}
