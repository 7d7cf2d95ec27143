"""Questions put to the real search, each stage timed; and what the stores take."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

from benchmarks.figures import percentile
from benchmarks.scaling.filling import Filled
from benchmarks.scaling.questions import Question
from ingest.embed import Embedder
from ingest.embedders import Embedders
from ingest.search import Means, find
from ingest.vectors import VectorIndex

LIMIT = 10
MEGABYTE = 1 << 20
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class TimedEmbedder(Embedder):
    """Takes the real embedder's time for a question, and gives the vector made for it."""

    def __init__(self, threads: int) -> None:
        super().__init__("", threads)
        self.made: dict[str, Any] = {}

    def _embed_question(self, text: str) -> Any:
        vector = super()._embed_question(text)
        return self.made.get(text, vector)


@dataclass
class Took:
    """Milliseconds by stage, of questions of one kind or of all."""

    stages: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    found: list[bool] = field(default_factory=list)

    def add(self, stages: dict[str, float], found: bool) -> None:
        """One more question."""
        for stage, took in stages.items():
            self.stages[stage].append(took)
        self.found.append(found)

    def public(self) -> dict[str, Any]:
        """Percentiles of all together, and of each stage."""
        told: dict[str, Any] = {"n": len(self.found), "found@10": round(mean(self.found), 3)}
        for name, share in SHARES.items():
            told |= {
                f"{name}_{stage}": round(percentile(took, share), 1)
                for stage, took in self.stages.items()
            }
        return told


def ask(
    questions: Iterable[Question], embedder: TimedEmbedder, index: VectorIndex
) -> dict[str, Took]:
    """All of them, one after the other; by kind, and all together as `all`."""
    embedders = Embedders(embedder, lambda _: embedder)
    took: defaultdict[str, Took] = defaultdict(Took)
    for one in questions:
        embedder.made = {one.text: one.vector}
        began = time.perf_counter()
        findings = find(one.scope, one.text, LIMIT, Means(embedders, index))
        whole = {"ms": 1e3 * (time.perf_counter() - began)} | findings.timings
        found = any(passage.chunk_id == one.chunk_id for passage in findings.passages)
        for kind in (one.kind, "all"):
            took[kind].add(whole, found)
    return dict(took)


def sizes(folder: Path, filled: Filled) -> dict[str, Any]:
    """What memory and disk the stores take, and how fast they were filled."""
    own = psutil.Process()
    servers = own.children(recursive=True)
    rate = {
        f"{name}_per_s": round(filled.grown / seconds)
        for name, seconds in (("sql", filled.sql_seconds), ("chroma", filled.vector_seconds))
        if seconds
    }
    return {
        "chunks": filled.chunks,
        "documents": filled.documents,
        **rate,
        "chroma_mb": _megabytes(server.memory_info().rss for server in servers),
        "worker_mb": _megabytes([own.memory_info().rss]),
        "database_disk_mb": _megabytes(_files(folder.glob("lectern.db*"))),
        "chroma_disk_mb": _megabytes(_files((folder / "chroma").rglob("*"))),
    }


def _megabytes(sizes: Iterable[int]) -> int:
    return round(sum(sizes) / MEGABYTE)


def _files(paths: Iterable[Path]) -> Sequence[int]:
    return [path.stat().st_size for path in paths if path.is_file()]
