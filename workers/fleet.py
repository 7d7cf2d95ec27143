"""The workers that are alive, as their heartbeats say."""

import os
import socket
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ingest.database import now, reading, writing
from ingest.errors import LecternError
from workers.states import Lane
from workers.tables import WorkerRow

WORKER_SILENT_SECONDS = 30.0
#: A worker that can't start tries again within a minute; until then its reason stands.
FAULT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What the engine of a worker has done since it started, and is doing."""

    worker: str
    host: str
    figures: dict[str, float]  #: by the names of `workers.engine.load.Load`


@dataclass(frozen=True, slots=True)
class Seen:
    """A live worker, as it told of itself."""

    id: str
    host: str
    pid: int
    model: str  #: its name, for people
    state: str  #: `serving`, or `leaving`: it ends what it has begun and takes nothing new
    seconds: float  #: since it was heard
    node: int | None = None  #: NUMA node it was put on
    bound: bool | None = None  #: whether its memory was, too
    local: float | None = None  #: share of its weights and KV that really lies there, 0 to 1


def workers() -> list[Seen]:
    """The live workers."""
    with reading() as session:
        moment = now(session)
        rows = session.scalars(select(WorkerRow).where(_live(session)).order_by(WorkerRow.id)).all()
        return [_seen(row, moment) for row in rows]


def _seen(row: WorkerRow, moment: float) -> Seen:
    told = row.about or {}
    return Seen(
        id=row.id,
        host=row.host,
        pid=row.pid,
        model=told.get("model", ""),
        state=told.get("state", "serving"),
        seconds=max(0.0, moment - row.seen_at),
        node=told.get("node"),
        bound=told.get("bound"),
        local=told.get("local"),
    )


def slots(session: Session, lane: str) -> int:
    """How many steps of a lane the live workers take at the same time."""
    batch = lane == Lane.BATCH
    column = WorkerRow.batch_slots if batch else WorkerRow.interactive_slots
    total = select(func.coalesce(func.sum(column), 0)).where(_live(session))
    return int(session.scalar(total) or 0)


def engine_loads() -> list[EngineLoad]:
    """What the engines of all live workers have done, as their last heartbeats said."""
    query = select(WorkerRow.id, WorkerRow.host, WorkerRow.engine).order_by(WorkerRow.id)
    with reading() as session:
        found = session.execute(query.where(_live(session))).all()
    return [EngineLoad(worker, host, load) for worker, host, load in found if load]


def embedders() -> set[str]:
    """Fingerprints of the live workers' embedders: one, if they are set up alike."""
    with reading() as session:
        said = select(WorkerRow.embedder).where(_live(session), WorkerRow.embedder != "")
        return set(session.scalars(said))


def silence() -> float | None:
    """Seconds since a worker was last heard; None when there is no worker."""
    with reading() as session:
        moment = now(session)
        seen = session.scalar(select(func.max(WorkerRow.seen_at)).where(_started(), _past(moment)))
        return None if seen is None else max(0.0, moment - seen)


def anybody() -> bool:
    """Whether there is a live worker."""
    silent = silence()
    return silent is not None and silent < WORKER_SILENT_SECONDS


def leads(owner: str) -> bool:
    """Whether this worker is the one that does what only one of them need do."""
    with reading() as session:
        first = select(func.min(WorkerRow.id)).where(_live(session))
        return session.scalar(first) == owner


def note_fault(error: LecternError) -> None:
    """Tell who asks why no worker is there; this host's next start takes the note away."""
    host = socket.gethostname()
    with writing() as session:
        row = WorkerRow(
            id=f"fault_{host}",
            host=host,
            pid=os.getpid(),
            process_started=0.0,
            model="",
            batch_slots=0,
            interactive_slots=0,
            seen_at=now(session),
            engine={"fault": str(error)},
        )
        session.merge(row)


def absence(session: Session) -> str:
    """What to say of a fleet without a worker; and why, if one that could not start said it."""
    recent = WorkerRow.seen_at > now(session) - FAULT_SECONDS
    latest = select(WorkerRow.engine).where(~_started(), recent)
    told = session.scalars(latest.order_by(WorkerRow.seen_at.desc()).limit(1)).first()
    return f"No worker is running: {told['fault']}" if told else "No worker is running."


def _live(session: Session) -> ColumnElement[bool]:
    moment = now(session)
    return _started() & _past(moment) & (WorkerRow.seen_at > moment - WORKER_SILENT_SECONDS)


def _started() -> ColumnElement[bool]:
    """Workers that work; a row without a model only tells why one could not start."""
    return WorkerRow.model != ""


def _past(moment: float) -> ColumnElement[bool]:
    """Not heard by a clock that has been set back since."""
    return WorkerRow.seen_at < moment + WORKER_SILENT_SECONDS
