"""`lectern models recommend`: which models of the catalogue suit this host, and why.

What must fit is arithmetic, the same that refuses a model at its start. How fast it would be is
`lectern plan`'s prediction (docs/capacity.md), from what the tuner measured here; without a
measurement nothing is said of it.
"""

from typing import Any

from ingest.errors import LecternError
from workers.engine import memory
from workers.engine.topology import usable_cores
from workers.models import facts
from workers.models.catalogue import CATALOGUE, Chinese, Entry
from workers.models.telling import Tell
from workers.planning import rates
from workers.planning.here import here
from workers.planning.rates import Speed
from workers.settings import settings

PICKS = 3
#: A prompt as questions have it, and the depth at which its answer is written; tokens.
PROMPT, DEPTH = 1_500, 1_600
#: Slower than this nobody waits for: tokens/s written for a question, read for a summary.
LEAST = {"questions": ("decode", 4.0), "summaries": ("prefill", 15.0)}


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
    measured, speed = _measured() if memory_gb is None else (None, None)
    judged = [_judged(entry, free, speed) for entry in CATALOGUE]
    suited = [one for one in judged if _suits(one, language, use)]
    best = sorted(suited, key=lambda one: _order(one, language), reverse=True)
    return {
        "free": free,
        "cores": usable_cores(),
        "measured": measured,
        "use": use,
        "language": language,
        "models": judged if all else best[:PICKS],
        "all": all,
    }


def _judged(entry: Entry, free: int, speed: Speed | None) -> dict[str, Any]:
    model, told = entry.planned, entry.header()
    found = facts.fit(told, settings(), free=free)
    return {
        "name": entry.name,
        "repository": entry.repository,
        "format": entry.usual,
        "bytes": told.file_bytes,
        "parameters": model.shape.weights,
        "active": model.shape.active,
        "licence": entry.licence,
        "context": told.trained_context,
        "kv_bytes_per_token": facts.kv_bytes(told, settings()),
        "memory": told.memory,
        "chinese": entry.chinese,
        "strength": entry.strength,
        "reasons": entry.reasons,
        "notes": entry.notes,
        "fit": facts.plain(found),
        "guess": _guess(entry, speed) if speed else None,
        "command": f"./lectern models pull {entry.name}",
    }


def _guess(entry: Entry, speed: Speed) -> dict[str, float]:
    """Tokens a second."""
    demand = entry.planned.demand
    return {
        "decode": 1 / rates.decode_seconds(demand, speed, 1, DEPTH),
        "prefill": PROMPT / rates.prompt_seconds(demand, speed, PROMPT),
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


def _measured() -> tuple[str, Speed] | tuple[None, None]:
    """What was measured here, in words and as rates."""
    try:
        host = here()
    except LecternError:
        return None, None
    return (host.source, host.measured) if host.measured else (None, None)
