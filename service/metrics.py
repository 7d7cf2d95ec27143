"""Requests, jobs by status and what the engines do, for Prometheus."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers import fleet, jobs
from workers.states import JobStatus

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: What grows and what is, by the names in which a worker reports them. Busy seconds per second
#: are the engine's occupancy.
COUNTERS = {
    "steps": "Decode steps.",
    "busy_seconds": "Seconds spent in decode steps.",
    "idle_seconds": "Seconds without anything to do.",
    "prefill_tokens": "Prompt tokens that were computed.",
    "cached_tokens": "Prompt tokens whose KV was there already.",
    "written_tokens": "Tokens that were sampled.",
    "drafted_tokens": "Tokens that prompt lookup proposed.",
    "accepted_tokens": "Of them, what the model would have said.",
    "preemptions": "Background steps that a person interrupted.",
    "comparable_tokens": "Prompt tokens in steps such as the tuner measured.",
    "comparable_seconds": "Seconds spent in those steps.",
    "prefix_hits": "Prompts that began with a kept prefix.",
}
GAUGES = {
    "interactive": "Sequences that a person waits for.",
    "background": "Sequences that nobody waits for.",
    "waiting": "Sequences without a slot.",
    "slots": "Sequences there is room for.",
    "seconds_per_token": "What a token of a prompt takes lately.",
    "seconds_per_written": "What a token of the background's texts takes lately.",
    "prefix_bytes": "KV states of prefixes in memory.",
    "disk_bytes": "KV states of prefixes on disk.",
}


class _Jobs(Collector):
    """Asks the database at every scrape: it is the truth for every process."""

    def collect(self) -> Iterator[Metric]:
        """One gauge by status."""
        counted = jobs.counts()
        gauge = GaugeMetricFamily("lectern_jobs", "Jobs by status.", labels=["status"])
        for status in JobStatus:
            gauge.add_metric([status], counted.get(status, 0))
        yield gauge


class _Engines(Collector):
    """What the workers' heartbeats said: this process has no engine."""

    def collect(self) -> Iterator[Metric]:
        """A family for each figure, a line for each worker."""
        loads = fleet.engine_loads()
        kinds = ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES))
        for family, names in kinds:
            for name, text in names.items():
                metric = family(f"lectern_engine_{name}", text, labels=("worker", "host"))
                for load in loads:
                    if name in load.figures:  # a worker of another version may know others
                        metric.add_metric((load.worker, load.host), load.figures[name])
                yield metric


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self._registry = CollectorRegistry()
        self._registry.register(_Jobs())
        self._registry.register(_Engines())
        labels = ("method", "route")
        self._answered = Counter(
            "lectern_http_requests", "Requests.", (*labels, "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "lectern_http_request_seconds",
            "Seconds until an answer began.",
            labels,
            buckets=SECONDS,
            registry=self._registry,
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Add one request, under its route and never under its path."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", "other")
        self._answered.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def exposition(self) -> bytes:
        """Everything `/metrics` says."""
        return generate_latest(self._registry)


class Meter:
    """ASGI middleware that counts every request when its answer begins."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Stand before `app`."""
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noted)
