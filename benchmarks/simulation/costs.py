"""What a decode step costs, in seconds.

llama.cpp cuts a step into ubatches: equally many rows of each of several sequences. A ubatch costs
what its rows cost in the matrices, which depends on their number alone, and what attention costs:
each row meets every KV cell up to the longest sequence of the ubatch, rounded up to 256. Both are
curves over the number of rows, because kernels change with it. There are two of each: rows of one
sequence (prompts) and one row each of several (answers), whose KV lies apart.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CELLS = 256  #: KV is looked at in multiples of this


@dataclass(frozen=True, slots=True)
class Point:
    """A measured ubatch."""

    rows: int
    cells: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds of a ubatch over its rows, at every depth."""

    rows: tuple[float, ...]  #: ascending
    base: tuple[float, ...]  #: seconds without any KV
    slope: tuple[float, ...]  #: seconds more for a row and a KV cell

    def seconds(self, rows: int, cells: int) -> float:
        """Between measured sizes the line between them, beyond the last in proportion."""
        beyond = max(1.0, rows / self.rows[-1])
        base = beyond * float(np.interp(rows, self.rows, self.base))
        return base + rows * cells * float(np.interp(rows, self.rows, self.slope))


def fitted(points: Iterable[Point]) -> Curve:
    """The curve through measurements: for each number of rows a line over the cells."""
    by_rows: dict[int, list[Point]] = {}
    for point in points:
        by_rows.setdefault(point.rows, []).append(point)
    lines = {rows: _line(by_rows[rows]) for rows in sorted(by_rows)}
    return Curve(
        tuple(lines),
        tuple(base for base, _ in lines.values()),
        tuple(slope / rows for rows, (_, slope) in lines.items()),
    )


def _line(points: list[Point]) -> tuple[float, float]:
    """Seconds at no cells and seconds a cell; neither below nothing."""
    cells = np.array([point.cells for point in points], float)
    seconds = np.array([point.seconds for point in points])
    if len(set(cells)) < 2:
        return float(seconds.mean()), 0.0
    slope, base = np.polyfit(cells, seconds, 1)
    if slope < 0:
        return float(seconds.mean()), 0.0
    if base < 0:
        return 0.0, float((seconds / cells).mean())
    return float(base), float(slope)


@dataclass(frozen=True, slots=True)
class Costs:
    """A model on a machine."""

    name: str
    prompts: Curve  #: by the rows of one sequence
    answers: Curve  #: by the sequences of one row each
    ubatch: int = 512  #: rows computed at once
    step: float = 0.0003  #: seconds of a step outside of llama.cpp
    restore: float = 0.0  #: seconds a token to bring a kept prefix into a slot
    engines: int = 1  #: that share the calls, each with such costs
    detail: dict[str, Any] = field(default_factory=dict)  #: where the figures are from

    def seconds(self, sequences: int, rows: int, length: int) -> float:
        """A ubatch of `rows` rows of each of `sequences`, the longest of `length` tokens then."""
        cells = -(-length // CELLS) * CELLS
        curve = self.answers if rows == 1 else self.prompts
        return curve.seconds(sequences * rows, cells)

    def write(self, path: Path) -> None:
        """Keep as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def read(path: Path) -> Costs:
    """What `write` kept."""
    kept = json.loads(path.read_text())
    for name in ("prompts", "answers"):
        kept[name] = Curve(**{key: tuple(values) for key, values in kept[name].items()})
    return Costs(**kept)
