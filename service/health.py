"""Whether the parts this service depends on do their work. Asks each of them, trusts none."""

from collections.abc import Iterator
from dataclasses import asdict

import httpx
from sqlalchemy.exc import SQLAlchemyError

from ingest import database, generations
from ingest.errors import LecternError
from ingest.settings import settings as library_settings
from workers import events, fleet

INDEX_SECONDS = 1.0
#: Without it answers are poorer, and say so.
OPTIONAL = frozenset({"index", "embedder"})
NAMED = 5  #: collections of another embedder

Part = dict[str, object]


def parts() -> dict[str, Part]:
    """State of each part by name."""
    found = {"database": _database(), "redis": _redis(), "worker": _worker()}
    if url := library_settings().chroma_url:
        found["index"] = _index(url)
    if found["worker"]["ok"] and (said := _embedder()):
        found["embedder"] = said
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
        workers = fleet.workers()
    except SQLAlchemyError as error:
        return _broken(error, "The database does not answer.")
    told = _well(" ".join([f"A worker was heard {silent:.0f} s ago.", *_remarks(workers)]))
    return told | {"workers": [asdict(one) for one in workers]}


def _remarks(workers: list[fleet.Seen]) -> Iterator[str]:
    """What is worth a word: models that differ, who leaves, and memory that is not at home."""
    models = sorted({one.model for one in workers if one.model})
    if models:
        yield f"Model: {', '.join(models)}."
    if leaving := sum(one.state == "leaving" for one in workers):
        yield f"{leaving} of {len(workers)} will leave when done."
    for one in workers:
        if one.node is not None and one.local is not None:
            yield f"Node {one.node} holds {one.local:.0%} of its worker's memory."


def _embedder() -> Part | None:
    """None as long as no worker has said which it uses."""
    try:
        used = fleet.embedders()
        with database.reading() as session:
            others = generations.of_other_embedders(session, sorted(used)) if used else []
    except SQLAlchemyError as error:
        return _broken(error, "The database does not answer.")
    if len(used) > 1:
        return {"ok": False, "message": "The workers use different embedders."}
    if others:
        named = ", ".join(f"“{name}” ({embedder})" for name, embedder in others[:NAMED])
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        told = f"Collections of another embedder wait to be reindexed: {named}{more}."
        return {"ok": False, "message": told}
    return _well("Every collection is of the embedder in use.") if used else None


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
