"""The figures of every entrant as bars, one picture for all models."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.guide.rows import FIGURES, Figure, shown
from benchmarks.report import GOOD, PALE

SHOWN = ("start", "start_cold", "peak", "decode", "short", "long")

Found = Mapping[str, Mapping[str, float]]


def draw(models: Mapping[str, Found], place: Path) -> None:
    """Write a picture: a row of panels for each model, Lectern in colour."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the bench extra

        mpl.use("agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of a backend
    except ImportError as error:
        print(f"  no chart: {error}", file=sys.stderr)
        return
    chosen = [figure for figure in FIGURES if figure.name in SHOWN]
    size = (3.4 * len(chosen), 2.4 * len(models))
    picture, panels = plt.subplots(len(models), len(chosen), figsize=size, squeeze=False)
    for line, (model, found) in zip(panels, models.items(), strict=True):
        for panel, figure in zip(line, chosen, strict=True):
            _bars(panel, found, figure, model)
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
    panel.set_xlabel(f"{figure.unit} ({figure.better} is better)", fontsize=7)
    panel.tick_params(labelsize=7)
    for number, value in enumerate(values):
        panel.text(value, number, f" {shown(value)}", va="center", fontsize=7)
