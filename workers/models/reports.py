"""How a model reads, kept beside it: models/NAME/report.json. Loads no heavy library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPORT = "report.json"


def read(folder: Path) -> dict[str, Any]:
    """What was kept of the model in a folder; empty: it was never compared."""
    try:
        told = json.loads((folder / REPORT).read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def keep(folder: Path, told: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    part = folder / f"{REPORT}.part"
    part.write_text(json.dumps(dict(told), indent=1))
    part.replace(folder / REPORT)


def summary(folder: Path) -> dict[str, Any] | None:
    """The two figures that a list has room for."""
    told = read(folder)
    try:
        reading = told["reading"]
        return {
            "against": told["against"],
            "divergence": reading["divergence"]["mean"],
            "agreement": reading["agreement"]["mean"],
        }
    except (KeyError, TypeError):
        return None
