"""Finding: Lectern's passages beside stock retrieval's, over the same pages, in one run."""

import json
import logging
import os
import sys
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import mean, quantiles
from typing import Any, TextIO

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks.evaluation import ranks
from benchmarks.evaluation.layouts import Asked, Place, Set, sets
from benchmarks.evaluation.plain import Stock, Words, pieces
from benchmarks.evaluation.shelf import Shelf, filled
from ingest.embed import Embedder
from ingest.settings import settings
from ingest.vectors import VectorIndex

WITHIN, ALL = "within", "all"
SHOWN = ("hit@1", "hit@3", "hit@5", "hit@10", "mrr", "ndcg@10")
Row = dict[str, Any]
Finder = Callable[[str, int, str | None], Sequence[Place]]


def run(arguments: Namespace, results: TextIO) -> int:
    """Write the table of every set in both modes."""
    # There is no broker, of which every step would complain.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    embedder = Embedder(settings().embedder, len(os.sched_getaffinity(0)))
    rows = [row for one in sets(arguments.data, arguments.limit) for row in measured(one, embedder)]
    if arguments.json:
        json.dump(rows, results, indent=1)
        results.write("\n")
    else:
        _show(rows, results)
    return 0


def measured(documents: Set, embedder: Embedder) -> Iterator[Row]:
    """A row for each mode."""
    with filled(documents, embedder) as (shelf, url):
        parts = pieces(shelf)
        print(f"  {documents.name}: the stock index of {len(parts)} pieces", file=sys.stderr)
        stock, by_words = Stock(shelf, parts, VectorIndex(url)), Words(parts)
        asked = [each for each in documents.asked if shelf.texts.get(each.document)]
        for mode in (WITHIN, ALL) if asked else ():
            print(f"  {documents.name}, {mode}: {len(asked)} questions", file=sys.stderr)
            yield _row(documents.name, mode, asked, _Finders(shelf, stock, by_words))


class _Finders:
    """The ways to find, and what Lectern's stages took."""

    def __init__(self, shelf: Shelf, stock: Stock, by_words: Words) -> None:
        self._shelf = shelf
        self.stages: defaultdict[str, list[float]] = defaultdict(list)
        self.ways: dict[str, Finder] = {
            "": self._ours,
            "stock_": stock.find,
            "words_": by_words.find,
        }

    def _ours(self, question: str, limit: int, document: str | None = None) -> list[Place]:
        began = time.perf_counter()
        findings = self._shelf.find(question, limit, document)
        for stage, took in findings.timings.items():
            self.stages[stage].append(took)
        self.stages["total_ms"].append(1e3 * (time.perf_counter() - began))
        return [self._shelf.place(passage) for passage in findings.passages]


def _row(name: str, mode: str, asked: Sequence[Asked], finders: _Finders) -> Row:
    row: Row = {"name": f"{name} {mode}", "set": name, "mode": mode, "n": len(asked)}
    for prefix, finder in finders.ways.items():
        hits = [_hits(each, mode, finder) for each in asked]
        row |= {f"{prefix}{key}": round(value, 4) for key, value in ranks.measures(hits).items()}
        row[f"{prefix}interval"] = [round(edge, 4) for edge in ranks.interval(hits)]
    row["latency_ms"] = {stage: round(mean(took), 2) for stage, took in finders.stages.items()}
    row["latency_ms"]["p95_ms"] = round(_p95(finders.stages["total_ms"]), 2)
    return row


def _hits(asked: Asked, mode: str, finder: Finder) -> list[bool]:
    """Of the first passages as they come, each counting, whatever page it is of."""
    document = asked.document if mode == WITHIN else None
    return [asked.proved_by(place) for place in finder(asked.question, ranks.DEPTH, document)]


def _p95(took: Sequence[float]) -> float:
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def _show(rows: Sequence[Row], results: TextIO) -> None:
    table = Table("", "", "n", *SHOWN, "95 % of hit@5", "p95 ms", title="Finding")
    for row in rows:
        for prefix, way in (("", "Lectern"), ("stock_", "stock"), ("words_", "plain BM25")):
            figures = [f"{row[prefix + key]:.3f}" for key in SHOWN]
            low, high = row[f"{prefix}interval"]
            took = "" if prefix else f"{row['latency_ms']['p95_ms']:.0f}"
            named = "" if prefix else row["name"]
            table.add_row(named, way, str(row["n"]), *figures, f"{low:.2f} to {high:.2f}", took)
    Console(file=results, width=130).print(table)
