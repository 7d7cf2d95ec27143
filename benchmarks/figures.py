"""Numbers and what they say: medians with their spread, percentiles, rows and verdicts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Sample:
    """Repeated measurements of one thing."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def __str__(self) -> str:
        """Median, then the range where there is one."""
        if len(self.values) == 1:
            return f"{self.middle:.3g} s (one run)"
        low, high = min(self.values), max(self.values)
        return f"{self.middle:.3g} s ({low:.3g}–{high:.3g}, n={len(self.values)})"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    if not values:
        raise ValueError("no values have no percentile")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(0, min(rank, len(ordered)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of y over x; 0 where there is no line."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result. `ratio` is None where it could not be measured; `detail` says why."""

    name: str
    ratio: float | None
    target: float
    better: Better
    peer: str
    detail: str

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where nothing was measured."""
        if self.ratio is None:
            return None
        if self.better == "higher":
            return self.ratio >= self.target
        return self.ratio <= self.target

    def public(self) -> dict[str, Any]:
        """As it is printed for programs."""
        shown = asdict(self)
        shown["ratio"] = None if self.ratio is None else float(f"{self.ratio:.4g}")
        return shown


def unmeasured(row: Row, reason: object) -> Row:
    """The row of something that could not be measured."""
    return Row(row.name, None, row.target, row.better, row.peer, f"not measured: {reason}")
