"""How finding grows with a collection: made data in the real stores, the real search.

`python -m benchmarks.scale --chunks 10000 100000 [--json]`. The stores grow from size to size;
at each, questions of many kinds are asked, and what they took is told by stage. See
`benchmarks/scaling` for what is made and how.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from benchmarks import environment, machine
from benchmarks.evaluation.shelf import alone, chroma
from benchmarks.report import RESULTS
from benchmarks.scaling import asking, filling
from benchmarks.scaling.chart import chart
from benchmarks.scaling.made import Maker
from benchmarks.scaling.questions import questions
from ingest.vectors import VectorIndex

EACH = 16  #: questions of each of the kinds
WARMING = 2  #: of each kind before those that count
Row = dict[str, Any]
SHOWN = {
    "p50_ms": "p50 ms", "p95_ms": "p95", "p99_ms": "p99", "p95_understand_ms": "understand p95",
    "p95_words_ms": "words p95", "p95_embed_ms": "embed p95", "p95_vectors_ms": "vectors p95",
    "p95_check_ms": "check p95", "found@10": "found@10",
}  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Measure every size; a table or JSON to standard output, a chart beside the results."""
    given, place = _arguments(words), environment.results()
    rows: list[Row] = []
    with _folder(given.folder) as folder, alone(folder), chroma(folder / "chroma") as url:
        for row in measured(folder, url, sorted(given.chunks), given.each):
            rows.append(row)
            print(f"  {row['chunks']} chunks: p95 {row['p95_ms']:.0f} ms", file=sys.stderr)
    if given.keep:
        _keep(rows, given.keep)
    _tell(rows, place, as_json=given.json)
    return 0


def measured(folder: Path, url: str, sizes: Sequence[int], each: int) -> Iterator[Row]:
    """A row for each size, in a store that grows."""
    embedder, index, maker = asking.TimedEmbedder(_threads()), VectorIndex(url), Maker()
    filled = filling.opened(embedder)
    for size in sizes:
        filling.grow(filled, maker, index, size)
        asked = list(questions(filled, maker, WARMING + each))
        warming = len(asked) * WARMING // (WARMING + each)
        asking.ask(asked[:warming], embedder, index)
        took = asking.ask(asked[warming:], embedder, index)
        kinds = {kind: one.public() for kind, one in took.items()}
        row = {"name": f"{size} chunks", **asking.sizes(folder, filled), **kinds.pop("all")}
        yield {**row, "kinds": kinds}


def _arguments(words: Sequence[str] | None) -> Namespace:
    asked = ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    asked.add_argument("--chunks", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    asked.add_argument("--each", type=int, default=EACH, help="questions of each of 16 kinds")
    asked.add_argument("--folder", type=Path, help="keep the stores here, to go on with later")
    asked.add_argument("--keep", type=Path, nargs="?", const=RESULTS, help="folder for results")
    asked.add_argument("--json", action="store_true", help="print JSON for programs")
    return asked.parse_args(words)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with TemporaryDirectory(prefix="lectern-scale-") as made:
        yield Path(made)


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _keep(rows: Sequence[Row], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = datetime.now().astimezone().strftime("scale-%Y%m%d-%H%M%S")
    told = {"machine": machine.described(), "rows": list(rows)}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (folder / f"{stem}.json").write_text(text + "\n")
    chart(rows, folder / f"{stem}.png")


def _tell(rows: Sequence[Row], place: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1), file=place, flush=True)
        return
    table = Table("", "n", *SHOWN.values(), title="Finding in made collections")
    for row in rows:
        for name, one in ((row["name"], row), *row["kinds"].items()):
            figures = [str(one.get(key, "")) for key in SHOWN]
            table.add_row(name, str(one["n"]), *figures)
        table.add_section()
    Console(file=place, width=150).print(table)
    for row in rows:
        sizes = {key: value for key, value in row.items() if key.endswith(("_mb", "_per_s"))}
        print(row["name"], sizes, file=place, flush=True)


if __name__ == "__main__":
    sys.exit(main())
