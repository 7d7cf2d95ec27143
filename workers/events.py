"""What happens to a job, as Redis Streams: written by workers, followed by clients.

A stream is a wire, not a record. If Redis loses it, `follow` still ends every client's wait with
the outcome that stands in the database.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import redis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from workers import jobs
from workers.jobs import Job
from workers.settings import settings
from workers.states import JobStatus

BLOCK_MS = 1_000
#: A Redis that accepts questions and answers none must not stop a client from hearing the outcome.
SILENCE_SECONDS = 5.0
#: After a failure nothing is told for so long: what is being written must not wait at every word.
REST_SECONDS = 5.0
PROBE, PROBE_SECONDS = "lectern:probe", 60
STREAM_LENGTH = 20_000
STREAM_SECONDS = 24 * 3600
LAST = frozenset({"done", "error"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's story."""

    id: str | None  #: Redis stream id; None when told from the database
    name: str  #: progress, partial, token, citation, done or error
    data: dict[str, Any]


class _Client(redis.Redis):
    rests_until = 0.0  #: by the monotonic clock


@cache
def _client() -> _Client:
    # One retry, for a connection that was closed meanwhile; the library would make ten.
    made = _Client.from_url(
        settings().redis_url,
        socket_timeout=SILENCE_SECONDS,
        socket_connect_timeout=2,
        decode_responses=True,
        retry=Retry(NoBackoff(), 1),
    )
    return cast(_Client, made)


def emit(job_id: str, name: str, data: dict[str, Any]) -> None:
    """Tell the followers of a job. A dead Redis costs the live view, never the job."""
    client, key = _client(), _stream(job_id)
    if time.monotonic() < client.rests_until:
        return
    body = json.dumps(data, ensure_ascii=False)
    try:
        pipe = client.pipeline(transaction=False)
        pipe.xadd(key, {"name": name, "data": body}, maxlen=STREAM_LENGTH, approximate=True)
        pipe.expire(key, STREAM_SECONDS)
        pipe.execute()
    except RedisError as error:
        client.rests_until = time.monotonic() + REST_SECONDS
        log.warning("event_not_told", job=job_id, event_name=name, error=str(error))


def tell_outcome(job: Job) -> None:
    """Tell the followers how a job ended."""
    last = _outcome(job)
    emit(job.id, last.name, last.data)


def forget(job_ids: Sequence[str]) -> None:
    """Remove the streams of jobs that no longer exist; without Redis they end with the day."""
    try:
        if job_ids:
            _client().delete(*map(_stream, job_ids))
    except RedisError as error:
        log.warning("events_not_forgotten", jobs=len(job_ids), error=str(error))


def rewrite_log() -> None:
    """Have Redis write its append-only file anew, without what was deleted."""
    try:
        _client().bgrewriteaof()
    except RedisError as error:  # one that is under way already, or no right to ask for it
        log.info("log_not_rewritten", error=str(error))


def fault() -> str | None:
    """What is wrong with Redis; one that answers and takes nothing is of no use either."""
    try:
        _client().set(PROBE, 1, ex=PROBE_SECONDS)
    except ResponseError:  # its memory is full, or it is a replica
        return "Redis refuses what is written to it."
    except (RedisError, OSError):
        return "Redis does not answer."
    return None


async def follow(job_id: str, after: str | None = None) -> AsyncIterator[Event]:
    """Events of a job after stream id `after` (None: from the beginning), ending with the last.

    Raises JobNotFound for an unknown job.
    """
    await asyncio.to_thread(jobs.get, job_id)
    client = redis.asyncio.Redis.from_url(
        settings().redis_url,
        socket_timeout=SILENCE_SECONDS,
        socket_connect_timeout=2,
        decode_responses=True,
        protocol=2,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    try:
        async for event in _follow(client, job_id, after or "0"):
            yield event
    finally:
        await client.aclose()


async def _follow(client: Any, job_id: str, last_id: str) -> AsyncIterator[Event]:
    settled = False  # whether the job had ended before the stream was last looked at
    block: int | None = None  # nothing is known yet: do not wait on the first look
    while True:
        batch = await _next_events(client, job_id, last_id, block)
        for event in batch:
            last_id = event.id or last_id
            yield event
            if event.name in LAST:
                return
        if batch:
            continue
        job = await asyncio.to_thread(jobs.get, job_id)
        if settled:
            if not await _told(client, job_id):
                yield _outcome(job)
            elif late := await _next_events(client, job_id, last_id, None):
                for event in late:
                    yield event
            return
        settled = job.finished
        block = None if settled else BLOCK_MS


async def _next_events(client: Any, job_id: str, last_id: str, block: int | None) -> list[Event]:
    try:
        answer = await client.xread({_stream(job_id): last_id}, count=200, block=block)
    except (RedisError, OSError):
        if block is not None:
            await asyncio.sleep(block / 1000)
        return []
    entries = answer[0][1] if answer else []
    return [Event(own, fields["name"], json.loads(fields["data"])) for own, fields in entries]


async def _told(client: Any, job_id: str) -> bool:
    try:
        newest = await client.xrevrange(_stream(job_id), count=1)
    except (RedisError, OSError):
        return False
    return bool(newest) and newest[0][1]["name"] in LAST


def _outcome(job: Job) -> Event:
    if job.status is JobStatus.SUCCEEDED:
        return Event(None, "done", {"status": job.status, "result": job.result})
    error = job.error or {"code": "cancelled", "message": "The job was cancelled."}
    return Event(None, "error", {"status": job.status, **error})


def _stream(job_id: str) -> str:
    return f"lectern:events:{job_id}"
