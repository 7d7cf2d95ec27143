"""Counts and durations of requests, and how many jobs stand where, as Prometheus reads them.

Text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
One process counts for itself; Prometheus adds them up.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from threading import Lock

from sqlalchemy import text
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest import database
from workers.jobs import JobStatus

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
_JOBS = text("SELECT status, count(*) FROM jobs GROUP BY status")


class Requests:
    """How many requests were answered, how, and how long until their answer began."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._lock = Lock()
        self._answered: Counter[tuple[str, str, int]] = Counter()
        self._buckets: defaultdict[tuple[str, str], list[int]] = defaultdict(
            lambda: [0] * (len(BOUNDS) + 1)
        )
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Add one request."""
        place = next((i for i, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        with self._lock:
            self._answered[method, route, status] += 1
            self._buckets[method, route][place] += 1
            self._seconds[method, route] += seconds

    def lines(self) -> Iterator[str]:
        """The samples in exposition format."""
        with self._lock:
            answered = dict(self._answered)
            buckets = {key: list(counts) for key, counts in self._buckets.items()}
            seconds = dict(self._seconds)
        yield "# TYPE lectern_http_requests_total counter"
        for (method, route, status), count in sorted(answered.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            yield f"lectern_http_requests_total{{{labels}}} {count}"
        yield "# TYPE lectern_http_request_seconds histogram"
        for (method, route), counts in sorted(buckets.items()):
            labels = f'method="{method}",route="{route}"'
            name, total = "lectern_http_request_seconds", 0
            for bound, count in zip((*BOUNDS, "+Inf"), counts, strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
            yield f"{name}_sum{{{labels}}} {seconds[method, route]:.6f}"
            yield f"{name}_count{{{labels}}} {total}"


class Meter:
    """ASGI middleware that counts every request under its route, never under its path."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        """Stand before `app`."""
        self.app = app
        self.requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it when its answer begins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                waited = time.perf_counter() - began
                self.requests.count(_method(scope), _route(scope), message["status"], waited)
            await send(message)

        await self.app(scope, receive, noted)


def exposition(requests: Requests) -> str:
    """Everything `/metrics` says."""
    with database.reading() as session:
        found: dict[str, int] = dict(session.execute(_JOBS).tuples().all())
    lines = [*requests.lines(), "# TYPE lectern_jobs gauge"]
    lines += [f'lectern_jobs{{status="{status}"}} {found.get(status, 0)}' for status in JobStatus]
    return "\n".join(lines) + "\n"


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in METHODS else "other"


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "other"))
