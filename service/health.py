"""Whether the parts this service depends on do their work. Asks each of them, trusts none."""

import httpx
from sqlalchemy.exc import SQLAlchemyError

from ingest import database
from ingest.errors import LecternError
from ingest.settings import settings as library_settings
from workers import events, fleet

INDEX_SECONDS = 1.0
#: Without it answers are poorer, and say so.
OPTIONAL = frozenset({"index"})

Part = dict[str, object]


def parts() -> dict[str, Part]:
    """State of each part by name."""
    found = {"database": _database(), "redis": _redis(), "worker": _worker()}
    if url := library_settings().chroma_url:
        found["index"] = _index(url)
    return found


def ready(parts: dict[str, Part]) -> bool:
    """Whether every part is there that nothing works without."""
    return all(part["ok"] for name, part in parts.items() if name not in OPTIONAL)


def _database() -> Part:
    try:
        database.require_schema()
    except (SQLAlchemyError, LecternError) as error:
        return _broken(error, "The database does not answer.")
    return _well("The schema is the newest.")


def _redis() -> Part:
    fault = events.fault()
    return _well("Redis answers.") if fault is None else {"ok": False, "message": fault}


def _worker() -> Part:
    try:
        silent = fleet.silence()
        if silent is None or silent > fleet.WORKER_SILENT_SECONDS:
            with database.reading() as session:
                return {"ok": False, "message": fleet.absence(session)}
    except SQLAlchemyError as error:
        return _broken(error, "The database does not answer.")
    return _well(f"A worker was heard {silent:.0f} s ago.")


def _index(url: str) -> Part:
    try:
        there = httpx.get(f"{url}/api/v2/heartbeat", timeout=INDEX_SECONDS).is_success
    except httpx.HTTPError:
        there = False
    if there:
        return _well("The vector index answers.")
    return {"ok": False, "message": "The vector index does not answer: search is by words alone."}


def _well(message: str) -> Part:
    return {"ok": True, "message": message}


def _broken(error: Exception, message: str) -> Part:
    # Errors of drivers name hosts and files; only our own are written for readers.
    return {"ok": False, "message": str(error) if isinstance(error, LecternError) else message}
