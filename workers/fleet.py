"""The workers that are alive, as their heartbeats say."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.database import now, reading
from workers.states import Lane
from workers.tables import WorkerRow

WORKER_SILENT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What the engine of a worker has done since it started, and is doing."""

    worker: str
    host: str
    figures: dict[str, float]  #: by the names of `workers.engine.load.Load`


def slots(session: Session, lane: str) -> int:
    """How many steps of a lane the live workers take at the same time."""
    batch = lane == Lane.BATCH
    column = WorkerRow.batch_slots if batch else WorkerRow.interactive_slots
    live = WorkerRow.seen_at > now(session) - WORKER_SILENT_SECONDS
    return int(session.scalar(select(func.coalesce(func.sum(column), 0)).where(live)) or 0)


def engine_loads() -> list[EngineLoad]:
    """What the engines of all live workers have done, as their last heartbeats said."""
    query = select(WorkerRow.id, WorkerRow.host, WorkerRow.engine).order_by(WorkerRow.id)
    with reading() as session:
        live = WorkerRow.seen_at > now(session) - WORKER_SILENT_SECONDS
        found = session.execute(query.where(live)).all()
    return [EngineLoad(worker, host, load) for worker, host, load in found if load]


def silence() -> float | None:
    """Seconds since a worker was last heard; None when there is no worker."""
    with reading() as session:
        seen = session.scalar(select(func.max(WorkerRow.seen_at)))
        return None if seen is None else max(0.0, now(session) - seen)


def anybody() -> bool:
    """Whether there is a live worker."""
    silent = silence()
    return silent is not None and silent < WORKER_SILENT_SECONDS
