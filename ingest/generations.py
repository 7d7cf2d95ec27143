"""Generations: a collection's vectors by one embedder, one of which serves while another is made.

A collection is searched by its serving generation. A new one is filled beside it, by a job and by
all that is read meanwhile, and takes its place in one transaction; so whoever searches sees one of
both, whole. Every function works inside the caller's session; those that change a generation hold
its collection's row, so that what is written into one and what becomes of it are in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from ingest.database import new_id, now
from ingest.embeddings import LIVE, held, hold, missing, take_past
from ingest.tables import CollectionRow, GenerationRow, GenerationStatus

#: A search that has begun may still ask the generation that was replaced. Seconds.
GRACE_SECONDS = 15.0
KEPT_SECONDS = 7 * 86_400.0  #: that what a failed job has made waits for another one


class Model(Protocol):
    """What a generation notes of its embedder."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def former(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def folder(self) -> str: ...

    @property
    def dimensions(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Generation:
    """One of them, as the database has it at one moment."""

    id: str
    collection_id: str
    embedder: str  #: fingerprint
    name: str  #: of the embedder
    folder: str  #: where it was found; empty: the bundled one
    dimensions: int  #: 0: not known yet
    status: GenerationStatus
    job_id: str | None

    @property
    def serving(self) -> bool:
        """Whether it is searched."""
        return self.status is GenerationStatus.SERVING

    @property
    def live(self) -> bool:
        """Whether vectors are written into it."""
        return self.status in LIVE


def serving(session: Session, collection_id: str) -> Generation | None:
    """The generation that is searched; None as long as nothing was ever embedded."""
    row = session.scalars(select(GenerationRow).where(serves(collection_id))).first()
    return _value(row) if row is not None else None


def serves(collection_id: InstrumentedAttribute[str] | str) -> ColumnElement[bool]:
    """What makes a generation the one that is searched, of a collection or of a column's."""
    own = GenerationRow.collection_id == collection_id
    return own & (GenerationRow.status == GenerationStatus.SERVING)


def live(session: Session, collection_id: str) -> list[Generation]:
    """Those that vectors are written into: the serving one first, then the one being made."""
    rows = session.scalars(_of(collection_id, *LIVE)).all()
    return sorted(map(_value, rows), key=lambda one: LIVE.index(one.status))


def every(session: Session, collection_id: str) -> list[str]:
    """The ids of all that may still have entries in Chroma."""
    own = select(GenerationRow.id).where(GenerationRow.collection_id == collection_id)
    return list(session.scalars(own))


def get(session: Session, generation_id: str) -> Generation | None:
    """One of them, if it is there."""
    row = session.get(GenerationRow, generation_id)
    return _value(row) if row is not None else None


def begin(session: Session, collection_id: str, model: Model) -> Generation:
    """The serving generation, made of this embedder if there is none; the first has its
    collection's id, by which indexes were called before there were generations.
    """
    hold(session, collection_id)
    row = session.scalars(_of(collection_id, GenerationStatus.SERVING)).first()
    if row is None:
        there = session.get(GenerationRow, collection_id) is not None
        name = new_id("gen") if there else collection_id
        row = _new(session, name, collection_id, model, GenerationStatus.SERVING)
    return _value(row)


def make(session: Session, collection_id: str, model: Model, job_id: str) -> Generation:
    """A generation of this embedder to be filled by a job: what an earlier one left, or a new one.

    Whatever else was being made is retired.
    """
    hold(session, collection_id)
    unfinished = (GenerationStatus.MAKING, GenerationStatus.KEPT)
    found: GenerationRow | None = None
    for row in session.scalars(_of(collection_id, *unfinished)).all():
        if found is None and row.embedder == model.fingerprint:
            found = row
        else:
            _become(session, row, GenerationStatus.RETIRED)
    if found is None:
        found = _new(session, new_id("gen"), collection_id, model, GenerationStatus.MAKING)
    _become(session, found, GenerationStatus.MAKING)
    found.job_id = job_id
    return _value(found)


def switch(session: Session, generation_id: str) -> bool:
    """Let a generation serve that lacks nothing, in the place of the one that did.

    Returns false where something is missing or the generation is being made no more.
    """
    row = held(session, generation_id)
    if row is None or row.status != GenerationStatus.MAKING:
        return False
    if session.scalar(missing(row.collection_id, row.id).limit(1)) is not None:
        return False
    for old in session.scalars(_of(row.collection_id, GenerationStatus.SERVING)).all():
        _become(session, old, GenerationStatus.RETIRED)
        if old.embedder == row.embedder:
            take_past(session, old.id, row.id)
    session.flush()  # one serves at a time
    _become(session, row, GenerationStatus.SERVING)
    return True


def leave(session: Session, job_id: str, status: GenerationStatus) -> None:
    """What the job has not finished is kept for another try, or retired."""
    own = select(GenerationRow).where(
        GenerationRow.job_id == job_id, GenerationRow.status == GenerationStatus.MAKING
    )
    for row in session.scalars(own).all():
        _become(session, row, status)


def adopt(session: Session, model: Model) -> None:
    """Note what is known now of an embedder that generations were made by: its whole fingerprint,
    where versions before them wrote a shorter one, and where it is found.
    """
    session.execute(
        update(GenerationRow)
        .where(GenerationRow.embedder.in_((model.fingerprint, model.former)))
        .values(
            embedder=model.fingerprint,
            name=model.name,
            folder=model.folder,
            dimensions=model.dimensions,
        )
    )


def over(session: Session) -> str | None:
    """One whose time is over."""
    moment = now(session)
    retired = (GenerationRow.status == GenerationStatus.RETIRED) & (
        GenerationRow.changed_at < moment - GRACE_SECONDS
    )
    kept = (GenerationRow.status == GenerationStatus.KEPT) & (
        GenerationRow.changed_at < moment - KEPT_SECONDS
    )
    return session.scalars(select(GenerationRow.id).where(retired | kept).limit(1)).first()


def give_up(session: Session, generation_id: str) -> bool:
    """Retire one whose time is over, unless somebody has taken it up again."""
    row = held(session, generation_id)
    if row is None or row.status in LIVE:
        return False
    _become(session, row, GenerationStatus.RETIRED)
    return True


def erase(session: Session, generation_id: str) -> None:
    """Remove a generation that has no vectors any more."""
    session.execute(delete(GenerationRow).where(GenerationRow.id == generation_id))


def erase_all(session: Session, collection_id: str) -> None:
    """Remove what is left of a collection whose chunks have been erased."""
    session.execute(delete(GenerationRow).where(GenerationRow.collection_id == collection_id))


def of_other_embedders(session: Session, fingerprints: Sequence[str]) -> list[tuple[str, str]]:
    """(collection's name, embedder's name) of what is searched by none of these embedders."""
    others = (
        select(CollectionRow.name, GenerationRow.name)
        .join(GenerationRow, GenerationRow.collection_id == CollectionRow.id)
        .where(
            CollectionRow.deleting.is_(False),
            GenerationRow.status == GenerationStatus.SERVING,
            GenerationRow.embedder.not_in(fingerprints),
        )
        .order_by(CollectionRow.created_at, CollectionRow.id)
    )
    return [(collection, embedder) for collection, embedder in session.execute(others)]


def _of(collection_id: str, *statuses: GenerationStatus) -> Select[GenerationRow]:
    own = GenerationRow.collection_id == collection_id, GenerationRow.status.in_(statuses)
    return select(GenerationRow).where(*own).order_by(GenerationRow.changed_at, GenerationRow.id)


def _new(
    session: Session, name: str, collection_id: str, model: Model, status: GenerationStatus
) -> GenerationRow:
    row = GenerationRow(
        id=name,
        collection_id=collection_id,
        embedder=model.fingerprint,
        name=model.name,
        folder=model.folder,
        dimensions=model.dimensions,
        status=status,
        changed_at=now(session),
    )
    session.add(row)
    session.flush()
    return row


def _become(session: Session, row: GenerationRow, status: GenerationStatus) -> None:
    if row.status != status:
        row.status, row.changed_at = status, now(session)


def _value(row: GenerationRow) -> Generation:
    return Generation(
        id=row.id,
        collection_id=row.collection_id,
        embedder=row.embedder,
        name=row.name,
        folder=row.folder,
        dimensions=row.dimensions,
        status=GenerationStatus(row.status),
        job_id=row.job_id,
    )
