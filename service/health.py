"""Whether the parts this service depends on do their work. Asks each of them, trusts none."""

import redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ingest import database
from ingest.errors import LecternError
from service.settings import settings
from workers.jobs import WORKER_SILENT_SECONDS

Part = dict[str, object]
_NEWEST_HEARTBEAT = text("SELECT max(seen_at) FROM workers")


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
    client = redis.Redis.from_url(settings().redis_url, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        return _broken(error, "Redis does not answer.")
    finally:
        client.close()
    return _well("Redis answers.")


def _worker() -> Part:
    try:
        with database.reading() as session:
            seen = session.scalar(_NEWEST_HEARTBEAT)
            moment = database.now(session)
    except SQLAlchemyError as error:
        return _broken(error, "The database does not answer.")
    if seen is None:
        return {"ok": False, "message": "No worker is running."}
    silent = max(0.0, moment - seen)
    alive = silent <= WORKER_SILENT_SECONDS
    return {"ok": alive, "message": f"A worker was heard {silent:.0f} s ago."}


def _well(message: str) -> Part:
    return {"ok": True, "message": message}


def _broken(error: Exception, message: str) -> Part:
    # Errors of drivers name hosts and files; only our own are written for readers.
    return {"ok": False, "message": str(error) if isinstance(error, LecternError) else message}
