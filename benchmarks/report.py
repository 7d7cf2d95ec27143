"""Rows as a table, as JSON for programs, and as charts; results go to `benchmarks/results/`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Row

RESULTS = Path(__file__).resolve().parent / "results"
MARKS = {True: Text("✓", "green"), False: Text("✗", "red"), None: Text("–", "dim")}
SIGNS = {"higher": "≥", "lower": "≤"}
WIDE = 200
GOOD, BAD, PALE = "#2a7f62", "#b5483a", "#bbbbbb"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run has found."""

    rows: Sequence[Row]
    machine: dict[str, object]
    settings: dict[str, object]
    notes: Sequence[str]
    seconds: float

    def public(self) -> dict[str, Any]:
        """Everything, for the results' file."""
        return {
            "machine": self.machine,
            "settings": self.settings,
            "seconds": round(self.seconds, 1),
            "notes": list(self.notes),
            "rows": [{**row.public(), "met": row.met} for row in self.rows],
        }


def as_json(rows: Sequence[Row]) -> str:
    """The list for programs: name, ratio, target, better, peer, detail."""
    return json.dumps([row.public() for row in rows], ensure_ascii=False, indent=2)


def table(rows: Sequence[Row]) -> Table:
    """The rows for a person."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "workload", "ratio", "target", "beside"):
        made.add_column(heading, no_wrap=heading != "beside")
    made.add_column("how", overflow="fold", ratio=1, style="dim")
    for row in rows:
        ratio = "–" if row.ratio is None else f"{row.ratio:.3g}"
        target = f"{SIGNS[row.better]} {row.target:g}"
        made.add_row(
            MARKS[row.met], *map(Text, (row.name, ratio, target, row.peer)), Text(row.detail)
        )
    return made


def show(outcome: Outcome, file: TextIO) -> None:
    """Print the table."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table(outcome.rows))
    for note in outcome.notes:
        console.print(Text(f"note: {note}"))


def keep(outcome: Outcome, folder: Path = RESULTS) -> Path:
    """Write JSON and a chart; returns the JSON's place."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    place = folder / f"{stem}.json"
    text = json.dumps(outcome.public(), ensure_ascii=False, indent=2)
    place.write_text(text + "\n")
    _chart(outcome.rows, place.with_suffix(".png"))
    return place


def _chart(rows: Sequence[Row], place: Path) -> None:
    """How far each row is beyond its target: 1 meets it, to the right is better."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the bench extra

        mpl.use("agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of a backend
    except ImportError as error:
        print(f"  no chart: {error}", file=sys.stderr)
        return
    shown = [row for row in rows if row.ratio]
    if not shown:
        return
    figure, axes = plt.subplots(figsize=(9, 0.4 * len(shown) + 1.2))
    beyond = [_beyond(row) for row in shown]
    colours = [GOOD if row.met else BAD for row in shown]
    axes.barh([row.name for row in shown], beyond, color=colours)
    axes.axvline(1.0, color=PALE, linestyle="--")
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("times the target (dashed: exactly met; to the right is better)")
    for number, (row, value) in enumerate(zip(shown, beyond, strict=True)):
        axes.text(value, number, f" {row.ratio:.3g}", va="center", fontsize=8)
    figure.tight_layout()
    figure.savefig(place, dpi=120)
    plt.close(figure)


def _beyond(row: Row) -> float:
    assert row.ratio
    return row.ratio / row.target if row.better == "higher" else row.target / row.ratio
