"""What is known of a model on this host: its sizes, whether it fits, how fast it was measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import LecternError
from workers.engine import memory
from workers.engine import profile as profiles
from workers.engine.header import Header, header
from workers.engine.memory import KV_BYTES
from workers.engine.profile import Profile
from workers.settings import Settings

#: What a model's memory allows, in words.
ALLOWS = {
    "attention": "beginnings are shared and cut at any token",
    "latent": "beginnings are shared and cut at any token; passages are not joined",
    "window": "whole beginnings are shared; nothing is cut or joined, no drafts",
    "state": "whole beginnings are shared; nothing is cut or joined, no drafts",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits beside what runs now."""

    needed: int  #: bytes
    free: int
    sum: str  #: the arithmetic, in words

    @property
    def fits(self) -> bool:
        """Whether it can be loaded as the settings are."""
        return self.needed <= self.free


def about(path: Path, settings: Settings) -> dict[str, Any]:
    """Plain facts of a model file; `error` alone where it can't be used."""
    try:
        told = header(path)
    except LecternError as error:
        return {"error": str(error)}
    measured = profiles.measured(path)
    return {
        "size": told.file_bytes,
        "format": told.format,
        "architecture": told.architecture,
        "title": told.name,
        "parameters": told.parameters,
        "context": told.trained_context,
        "kv_bytes_per_token": kv_bytes(told, settings),
        "memory": told.memory,
        "allows": ALLOWS[told.memory],
        "window": told.window,
        "experts": [told.experts_used, told.experts],
        "template": told.template,
        "licence": told.licence,
        "prefill_rate": measured.prefill_rate if measured else 0.0,
        "decode_rate": measured.decode_rate if measured else 0.0,
        "fit": plain(fit(told, settings, measured)),
    }


def kv_bytes(told: Header, settings: Settings) -> int:
    """What a token's keys and values take, as the settings keep them; at most."""
    return round(told.kv_width * KV_BYTES[settings.kv_type])


def fit(
    told: Header, settings: Settings, measured: Profile | None = None, free: int | None = None
) -> Fit:
    """What a model of these sizes takes, against what is free (bytes), or is free here now."""
    profile = profiles.overridden(measured or profiles.fallback(settings), settings)
    planned = memory.planned(told.file_bytes, told, settings, profile)
    return Fit(planned.needed, memory.available() if free is None else free, str(planned))


def plain(found: Fit) -> dict[str, Any]:
    """As plain data."""
    return {"needed": found.needed, "free": found.free, "fits": found.fits, "sum": found.sum}
