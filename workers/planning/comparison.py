"""`lectern plan --check`: published figures beside predictions, as plain data."""

from dataclasses import asdict
from typing import Any

from workers.planning.published import Compared, compared, summaries


def told() -> dict[str, Any]:
    """Every figure, and how far predictions are off."""
    found = compared()
    return {
        "figures": [_row(one) for one in found],
        "summaries": {name: asdict(one) for name, one in summaries(found).items()},
    }


def _row(one: Compared) -> dict[str, Any]:
    figure = one.figure
    return {
        "section": figure.section,
        "source": figure.source,
        "machine": figure.machine.name,
        "sockets": figure.sockets,
        "placement": figure.placement,
        "model": figure.model,
        "quantity": figure.quantity,
        "depth": figure.depth,
        "published": figure.value,
        "predicted": one.predicted,
        "ratio": one.ratio,
        "use": figure.use,
        "note": figure.note,
    }
