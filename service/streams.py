"""A job's events on their way to a client: as an event stream, or awaited until the last one.

Knows how to leave: when the client goes, when the service stops, when nothing happens for long.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest.errors import LecternError
from service.errors import JobTimeout, JobUnsuccessful, ServiceStopping
from workers import jobs
from workers.events import Event, follow
from workers.jobs import Job
from workers.states import JobStatus

KEEP_ALIVE_SECONDS = 15.0
PATIENCE_SECONDS = 0.5
ESTIMATE_SECONDS = 60.0  #: a dry run that takes longer is given up
KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 2000\n\n"
#: Ends of lines to Unicode, and so to some clients, though neither to JSON nor to the protocol.
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
_STREAM_ID = re.compile(r"\d{1,20}(-\d{1,20})?")

Happening = AsyncGenerator[Event | None, None]
Pieces = AsyncGenerator[bytes, None]


async def happening(job_id: str, after: str | None, closing: asyncio.Event) -> Happening:
    """Events after the stream id `after`; `None` for each quiet time. Ends early when `closing`."""
    closed = asyncio.ensure_future(closing.wait())
    upcoming: asyncio.Future[Event] | None = None
    async with aclosing(cast(AsyncGenerator[Event, None], follow(job_id, after))) as story:
        try:
            while not closed.done():
                upcoming = upcoming or asyncio.ensure_future(_next(story))
                await _first_of(upcoming, closed, seconds=KEEP_ALIVE_SECONDS)
                if upcoming.done():
                    event, upcoming = upcoming.result(), None
                    yield event
                elif not closed.done():
                    yield None
        except _End:
            return
        finally:
            await _stop(closed, upcoming)


async def outcome(request: Request, job: Job, closing: asyncio.Event) -> Job:
    """The job once it has succeeded. A client that goes before cancels it.

    Raises JobUnsuccessful, ClientDisconnect, ServiceStopping; TimeoutError is left to the caller.
    """
    waiting = asyncio.ensure_future(_exhaust(happening(job.id, None, closing)))
    gone = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await _first_of(waiting, gone)
        if not waiting.done():
            await run_in_threadpool(jobs.cancel, job.id)
            raise ClientDisconnect
        waiting.result()
    finally:
        await _stop(waiting, gone)
    return await succeeded(job.id)


async def succeeded(job_id: str) -> Job:
    """A job of which nothing more is heard. Raises JobUnsuccessful, ServiceStopping."""
    ended = await run_in_threadpool(jobs.get, job_id)
    if not ended.finished:
        raise ServiceStopping
    if ended.status is not JobStatus.SUCCEEDED:
        error = ended.error or {}
        raise JobUnsuccessful(
            str(error.get("code", ended.status)), str(error.get("message", ended.status))
        )
    return ended


async def awaited(
    request: Request, job: Job, closing: asyncio.Event, seconds: float
) -> dict[str, Any]:
    """The result of a short job; it is cancelled when it takes longer. Raises JobTimeout."""
    try:
        async with asyncio.timeout(seconds):
            return (await outcome(request, job, closing)).result or {}
    except TimeoutError as error:
        await run_in_threadpool(jobs.cancel, job.id)
        raise JobTimeout(kind=job.kind, seconds=f"{seconds:g}") from error


async def told(events: Happening, first: Iterable[Event] = ()) -> Pieces:
    """Events as they are sent, `first` before them."""
    yield RETRY + b"".join(encoded(event) for event in first)
    try:
        async with aclosing(events):
            async for event in events:
                yield KEEP_ALIVE if event is None else encoded(event)
    except LecternError as error:  # the status has been sent; only the stream can tell
        failed = {"status": "failed", "code": error.code, "message": str(error)}
        yield encoded(Event(None, "error", failed))


class EventStream(Response):
    """`text/event-stream`, watched for a client that leaves."""

    media_type = "text/event-stream"

    def __init__(
        self,
        pieces: Pieces,
        on_leave: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Send the pieces; call `on_leave` when the client goes before the end."""
        # Proxies that collect an answer before they pass it on would hold a stream for ever.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._on_leave = on_leave

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the story ends or nobody listens."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        sending = asyncio.ensure_future(self._send_all(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await _first_of(sending, gone)
            if sending.done():
                sending.result()
            elif self._on_leave is not None:
                await self._on_leave()
        finally:
            await _stop(sending, gone)

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                await _send_body(send, piece)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def encoded(event: Event) -> bytes:
    """An event on the wire. JSON in one line: no text can end it or begin another."""
    data = json.dumps(event.data, ensure_ascii=False).translate(_LINE_ENDS)
    lines = [f"id: {event.id}"] if event.id else []
    lines += [f"event: {event.name}", f"data: {data}"]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def resume_point(*given: str | None) -> str | None:
    """The first of the given ids that can be one of a Redis stream."""
    return next((one for one in given if one and _STREAM_ID.fullmatch(one)), None)


class _End(Exception):
    """The story has no further event."""


async def _next(story: AsyncIterator[Event]) -> Event:
    try:
        return await anext(story)
    except StopAsyncIteration:
        raise _End from None  # StopAsyncIteration itself would be an error inside a generator


async def _exhaust(events: Happening) -> None:
    async with aclosing(events):
        async for _ in events:
            pass


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _first_of(*tasks: asyncio.Future[Any], seconds: float | None = None) -> None:
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _stop(*tasks: asyncio.Future[Any] | None) -> None:
    for task in tasks:
        while task is not None and not task.done():
            task.cancel()
            # redis-py swallows a cancellation that meets it while it connects: so ask again.
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
