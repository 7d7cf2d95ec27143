"""The figures of every entrant as bars, one picture for all models."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.guide.rows import FIGURES, Figure, shown
from benchmarks.report import GOOD, PALE

COLUMNS = 3
SHOWN = ("start", "start_cold", "peak", "decode", "short", "long")

Found = Mapping[str, Mapping[str, float]]


def draw(models: Mapping[str, Found], place: Path) -> None:
    """Write a picture: some panels for each model, Lectern in colour."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the bench extra

        mpl.use("agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of a backend
    except ImportError as error:
        print(f"  no chart: {error}", file=sys.stderr)
        return
    chosen = [figure for figure in FIGURES if figure.name in SHOWN]
    lines = len(models) * -(-len(chosen) // COLUMNS)
    size = (4.4 * COLUMNS, 2.0 * lines)
    picture, panels = plt.subplots(lines, COLUMNS, figsize=size, squeeze=False)
    wanted = [(model, figure) for model in models for figure in chosen]
    for panel, (model, figure) in zip(panels.flat, wanted, strict=True):
        _bars(panel, models[model], figure, model)
    picture.tight_layout()
    picture.savefig(place, dpi=120)
    plt.close(picture)


def _bars(panel: Any, found: Found, figure: Figure, model: str) -> None:
    names = [who for who in found if figure.name in found[who]]
    values = [found[who][figure.name] * figure.scale for who in names]
    colours = [GOOD if who.startswith("Lectern") else PALE for who in names]
    panel.barh(names, values, color=colours)
    panel.invert_yaxis()
    panel.set_title(f"{model}: {figure.words}", fontsize=7, wrap=True)
    panel.margins(x=0.2)  # room for the numbers
    panel.set_xlabel(f"{figure.unit} ({figure.better} is better)", fontsize=7)
    panel.tick_params(labelsize=7)
    for number, value in enumerate(values):
        panel.text(value, number, f" {shown(value)}", va="center", fontsize=7)
