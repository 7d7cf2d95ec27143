"""What a worker process tells of itself, again and again: that it lives, and what it is."""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict

import psutil
from sqlalchemy.orm import Session

from ingest.database import new_id, now, writing
from workers.engine.engine import Engine
from workers.settings import Settings
from workers.tables import WorkerRow
from workers.work import Tools


class Heartbeat:
    """One process's row among the workers."""

    def __init__(self, settings: Settings, tools: Tools, about: Mapping[str, object]) -> None:
        """`about`: by the names of `fleet.Seen`."""
        self._settings, self._model = settings, tools.language.fingerprint
        self._embedder = tools.embedder.fingerprint
        self._about = {"model": tools.language.name, **about}
        self.host, self._pid = socket.gethostname(), os.getpid()
        self._process_started = psutil.Process().create_time()
        self.owner = new_id("worker")

    def tell(self, engine: Engine | None, *, leaving: bool) -> None:
        """We live. Who leaves has no slots: the dispatcher publishes for the others alone."""
        with writing() as session:
            row = self._row(session, leaving)
            row.engine = asdict(engine.load()) if engine is not None else None
            session.merge(row)

    def end(self) -> None:
        """We are not there any more."""
        with writing() as session:
            row = session.get(WorkerRow, self.owner)
            if row is not None:
                session.delete(row)

    def _row(self, session: Session, leaving: bool) -> WorkerRow:
        return WorkerRow(
            id=self.owner,
            host=self.host,
            pid=self._pid,
            process_started=self._process_started,
            model=self._model,
            embedder=self._embedder,
            batch_slots=0 if leaving else self._settings.batch_slots,
            interactive_slots=0 if leaving else self._settings.interactive_slots,
            seen_at=now(session),
            about={**self._about, "state": "leaving" if leaving else "serving"},
        )


def processes_alive() -> dict[int, float]:
    """The start time of every process of this host that runs, by its number."""
    found = psutil.process_iter(["pid", "create_time", "status"])
    return {
        process.pid: process.info["create_time"]
        for process in found
        if process.info["status"] != psutil.STATUS_ZOMBIE  # dead, though nobody has asked how
    }
