"""`lectern models recommend`: which models of the catalogue suit this host, and why.

What must fit is arithmetic, the same that refuses a model at its start. How fast it would be is a
guess: each written token reads all active weights once, so a model twice as large takes twice as
long as one that was measured here; reading a prompt takes as long as there are weights to multiply
with. Without a measurement nothing is guessed.
"""

from dataclasses import dataclass
from typing import Any

from ingest.settings import settings as ingest_settings
from workers.engine import bundle, memory
from workers.engine import profile as profiles
from workers.engine.header import header
from workers.engine.topology import usable_cores
from workers.models import facts
from workers.models.catalogue import BITS, CATALOGUE, Chinese, Entry
from workers.models.facts import Fit
from workers.models.shelf import Shelf
from workers.models.telling import Tell
from workers.settings import models_folder, settings

PICKS = 3
#: Slower than this nobody waits for: tokens/s written for a question, read for a summary.
LEAST = {"questions": ("decode", 4.0), "summaries": ("prefill", 15.0)}


@dataclass(frozen=True, slots=True)
class Pace:
    """What a model that was measured here says about others."""

    model: str
    weight_bytes: float  #: a second, while tokens are written
    parameters: float  #: times tokens a second, while a prompt is read

    def guess(self, entry: Entry, form: str) -> dict[str, float]:
        """Tokens a second."""
        read = entry.active * 1e9 * BITS[form] / 8
        return {
            "decode": self.weight_bytes / read,
            "prefill": self.parameters / (entry.active * 1e9),
        }


def run(
    _tell: Tell,
    *,
    language: str | None = None,
    use: str = "questions",
    memory_gb: float | None = None,
    all: bool = False,  # noqa: A002 - the word of the command line
) -> dict[str, Any]:
    """The picks for this host, or for one with so much free memory; with `all` the whole list."""
    free = memory.available() if memory_gb is None else round(memory_gb * 1e9)
    pace = _pace() if memory_gb is None else None
    judged = [_judged(entry, free, pace) for entry in CATALOGUE]
    suited = [one for one in judged if _suits(one, language, use)]
    best = sorted(suited, key=lambda one: _order(one, language), reverse=True)
    return {
        "free": free,
        "cores": usable_cores(),
        "pace": pace.model if pace else None,
        "use": use,
        "language": language,
        "models": judged if all else best[:PICKS],
        "all": all,
    }


def _judged(entry: Entry, free: int, pace: Pace | None) -> dict[str, Any]:
    told = entry.header(entry.usual)
    found: Fit = facts.fit(told, settings(), free=free)
    return {
        "name": entry.name,
        "repository": entry.repository,
        "format": entry.usual,
        "bytes": told.file_bytes,
        "parameters": entry.parameters,
        "active": entry.active,
        "licence": entry.licence,
        "context": told.trained_context,
        "kv_bytes_per_token": facts.kv_bytes(told, settings()),
        "memory": told.memory,
        "chinese": entry.chinese,
        "strength": entry.strength,
        "reasons": entry.reasons,
        "notes": entry.notes,
        "fit": facts.plain(found),
        "guess": pace.guess(entry, entry.usual) if pace else None,
        "command": f"./lectern models pull {entry.name}",
    }


def _suits(one: dict[str, Any], language: str | None, use: str) -> bool:
    kind, least = LEAST[use]
    slow = one["guess"] is not None and one["guess"][kind] < least
    foreign = language == "zh-TW" and one["chinese"] < Chinese.FAIR
    # A model that always thinks writes hundreds of tokens before its first word.
    return one["fit"]["fits"] and not slow and not foreign and not one["reasons"]


def _order(one: dict[str, Any], language: str | None) -> tuple[float, float]:
    """Stronger first; for Chinese a step more for each step of it; then the cheaper one."""
    chinese = one["chinese"] if language == "zh-TW" else 0
    return one["strength"] + chinese / 2, -one["fit"]["needed"]


def _pace() -> Pace | None:
    """From the model that was measured here and says most: the largest one."""
    known = []
    paths = [bundle.bundled(), *(one.path for one in Shelf(models_folder(ingest_settings().data)))]
    for path in (path for path in paths if path.is_file()):
        found = profiles.measured(path)
        if found is None or not found.decode_rate:
            continue
        told = header(path)
        weights = told.parameters * BITS.get(found.weights, 0) / 8 or told.file_bytes
        used = told.experts_used / told.experts if told.experts else 1.0
        pace = Pace(
            told.name or path.stem,
            weights * used * found.decode_rate,
            told.parameters * used * found.prefill_rate,
        )
        known.append((told.file_bytes, pace))
    return max(known, key=lambda one: one[0])[1] if known else None
