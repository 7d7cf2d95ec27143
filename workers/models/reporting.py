"""`lectern models report`: formats of a model side by side, as a table and a chart.

models/BASE/comparison.json    the last comparison: all rows, the text, the machine
models/BASE/comparison.svg     the same as a chart
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.errors import Refused
from workers.engine import library
from workers.engine.machine import machine
from workers.engine.profile import profile_for
from workers.models import chart, comparison, making, sentences, texts
from workers.models.comparison import Question, Row
from workers.models.shelf import BUNDLED
from workers.models.telling import Tell
from workers.settings import settings

COMPARISON, CHART = "comparison.json", "comparison.svg"


class BaseUnknown(Refused):
    """{name} was not made here: say what to compare it with, --against MODEL."""

    code = "base_unknown"


def run(
    tell: Tell,
    *,
    names: Sequence[str],
    against: str | None = None,
    text: Sequence[str] | None = None,
    chunks: int | None = None,
) -> dict[str, Any]:
    """Compare models with the one that they were made from, on a text that made none of them.

    Raises what is named here and what `texts` and `comparison.compare` raise.
    """
    library.quiet()
    base = against or _base(names[0])
    others = tuple(name for name in dict.fromkeys(names) if name != base)
    given = texts.from_files([Path(one) for one in text]) if text else texts.held_out()
    words = sentences.unseen(given.words, comparison.seen(others))
    profile = profile_for(settings(), making.file_of(base))
    rows = comparison.compare(Question(base, others, words, chunks), profile, tell)
    told = {
        "against": base,
        "rows": [asdict(row) for row in rows],
        "text": list(given.names),
        "characters": len(words),
        "left_out": len(given.words) - len(words),  #: known from calibration
        "tokens": next((row.reading.tokens for row in rows if row.reading), 0),
        "threads": profile.threads,
        "machine": asdict(machine()),
        "at": time.time(),
    }
    return told | {"chart": _kept(base, names[0], rows, told)}


def _base(name: str) -> str:
    found = making.how(name).get("from")
    if not found:
        raise BaseUnknown(name=name)
    return str(found)


def _kept(base: str, first: str, rows: Sequence[Row], told: dict[str, Any]) -> str:
    """Write both files; returns where the chart is. The bundled model has no place of its own."""
    place = making.home(first if base == BUNDLED else base)
    (place / COMPARISON).write_text(json.dumps(told, indent=1))
    (place / CHART).write_text(chart.drawn(rows))
    return str(place / CHART)
