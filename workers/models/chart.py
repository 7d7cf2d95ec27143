"""A comparison as a chart: what is lost against size, and against speed. Plain SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from workers.models.comparison import Row

WIDTH, HEIGHT = 960, 420
TOP, BOTTOM, MARGIN = 56, 56, 64  #: of a panel, in pixels
LABEL = "KL divergence from {base}, nats per token (less is better)"
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#ddd}.base{stroke:#888;stroke-dasharray:4 3}.bar{stroke:#2563eb}"
    "circle{fill:#2563eb}.small{fill:#666}"
)


@dataclass(frozen=True, slots=True)
class Panel:
    """A field of the chart: its place, and what is measured along its lower edge."""

    left: float
    right: float
    title: str
    values: tuple[float, ...]  #: of each row, the base's first
    low: float  #: KL at the lower edge, a power of ten
    high: float

    def x(self, value: float) -> float:
        """From zero on the left."""
        return self.left + (self.right - self.left) * value / (1.08 * max(self.values))

    def y(self, divergence: float) -> float:
        """Logarithmic: formats differ by a factor of a thousand."""
        share = math.log(max(divergence, self.low) / self.low) / math.log(self.high / self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def drawn(rows: Sequence[Row]) -> str:
    """The base's row comes first; those without a reading are drawn as a line."""
    found = [max(row.reading.divergence.mean, 1e-6) for row in rows if row.reading]
    low = 10.0 ** math.floor(math.log10(min(found, default=1e-3)))
    high = 10.0 ** math.ceil(math.log10(max(found, default=1.0) * 1.05))
    sizes = tuple(row.size / 1e9 for row in rows)
    rates = tuple(row.speed.decode.middle for row in rows)
    middle = WIDTH / 2
    panels = (
        Panel(MARGIN, middle - 24, "file, GB", sizes, low, high),
        Panel(middle + 40, WIDTH - 40, "writing, tokens/s on this host", rates, low, high),
    )
    body = "".join(_panel(panel, rows) for panel in panels)
    label = escape(LABEL.format(base=rows[0].name))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<style>{STYLE}</style><rect width='100%' height='100%' fill='#fff'/>"
        f'<text class="title" x="{MARGIN}" y="24">{label}</text>{body}</svg>\n'
    )


def _panel(panel: Panel, rows: Sequence[Row]) -> str:
    base = panel.x(panel.values[0])
    parts = [_grid(panel)]
    parts.append(
        f'<line class="base" x1="{base:.1f}" x2="{base:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="small" x="{base - 4:.1f}" y="{TOP + 12}" text-anchor="end">'
        f"{escape(rows[0].format)}</text>"
    )
    parts += [
        _point(panel, row, value)
        for row, value in zip(rows[1:], panel.values[1:], strict=True)
        if row.reading
    ]
    return "".join(parts)


def _grid(panel: Panel) -> str:
    lines = []
    decades = round(math.log10(panel.high / panel.low))
    for decade in range(decades + 1):
        value = panel.low * 10**decade
        y = panel.y(value)
        lines.append(
            f'<line class="grid" x1="{panel.left}" x2="{panel.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="small" x="{panel.left - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{value:g}</text>"
        )
    for tick in _ticks(1.08 * max(panel.values)):
        x = panel.x(tick)
        lines.append(
            f'<text class="small" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
            f"{tick:g}</text>"
        )
    middle = (panel.left + panel.right) / 2
    lines.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{panel.title}</text>'
    )
    return "".join(lines)


def _ticks(most: float) -> list[float]:
    """Four to nine round numbers from zero on."""
    step = 10.0 ** math.floor(math.log10(most))
    while most / step < 4:
        step /= 2 if most / step >= 2 else 5
    return [round(step * number, 6) for number in range(int(most / step) + 1)]


def _point(panel: Panel, row: Row, value: float) -> str:
    assert row.reading is not None
    told = row.reading.divergence
    x, y = panel.x(value), panel.y(told.mean)
    above, below = panel.y(told.mean + told.error), panel.y(told.mean - told.error)
    label = row.format + (" + imatrix" if row.matrix else "")
    side, shift = ("end", -8) if x > (panel.left + panel.right) / 2 else ("start", 8)
    return (
        f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{above:.1f}" y2="{below:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x + shift:.1f}" y="{y + 4:.1f}" text-anchor="{side}">{escape(label)}</text>'
    )
