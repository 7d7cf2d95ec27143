"""Whether the parts this service depends on do their work. Asks each of them, trusts none."""

from sqlalchemy.exc import SQLAlchemyError

from ingest import database
from ingest.errors import LecternError
from workers import events, fleet

Part = dict[str, object]


def parts() -> dict[str, Part]:
    """State of each part by name."""
    return {"database": _database(), "redis": _redis(), "worker": _worker()}


def _database() -> Part:
    try:
        database.require_schema()
    except (SQLAlchemyError, LecternError) as error:
        return _broken(error, "The database does not answer.")
    return _well("The schema is the newest.")


def _redis() -> Part:
    if events.answers():
        return _well("Redis answers.")
    return {"ok": False, "message": "Redis does not answer."}


def _worker() -> Part:
    try:
        silent = fleet.silence()
    except SQLAlchemyError as error:
        return _broken(error, "The database does not answer.")
    if silent is None:
        return {"ok": False, "message": "No worker is running."}
    alive = silent <= fleet.WORKER_SILENT_SECONDS
    return {"ok": alive, "message": f"A worker was heard {silent:.0f} s ago."}


def _well(message: str) -> Part:
    return {"ok": True, "message": message}


def _broken(error: Exception, message: str) -> Part:
    # Errors of drivers name hosts and files; only our own are written for readers.
    return {"ok": False, "message": str(error) if isinstance(error, LecternError) else message}
