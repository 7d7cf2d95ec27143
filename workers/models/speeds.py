"""How fast models read and write on this host, side by side.

All in one run, in turns: whatever else the machine does then slows all of them alike. Each turn is
a process of its own, as in the tuner's measurements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ingest.errors import LecternError
from workers.engine.laboratory import Child, Setup
from workers.engine.profile import Profile
from workers.engine.tuner import TrialFailed
from workers.models.telling import Tell

ROUNDS = 5
PROMPT = 128  #: tokens that are read


class NotTimed(LecternError):
    """The speed of {name} could not be measured: {reason}."""

    code = "not_timed"


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens/s: the middle of the rounds, the slowest and the fastest."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one model."""

    prefill: Rate  #: reading PROMPT tokens
    decode: Rate  #: one answer, behind as many


def measure(paths: Sequence[Path], profile: Profile, tell: Tell) -> list[Speed]:
    """Every model once in each round, the next one first each time. Raises NotTimed."""
    seen: list[list[dict[str, float]]] = [[] for _ in paths]
    turns = [(first + step) % len(paths) for first in range(ROUNDS) for step in range(len(paths))]
    for done, turn in enumerate(turns):
        tell("timing", done, len(turns))
        seen[turn].append(_timed(paths[turn], profile))
    return [
        Speed(
            prefill=_rate([1 / one["prefill"] for one in figures]),
            decode=_rate([1 / one["decode1"] for one in figures]),
        )
        for figures in seen
    ]


def _timed(path: Path, profile: Profile) -> dict[str, float]:
    """Seconds per token."""
    setup = Setup(
        profile.weights, profile.repack, profile.mmap, profile.gpu_layers, profile.wait_policy
    )
    child = Child(path, setup)
    try:
        return child.ask(
            {
                "threads": profile.threads,
                "prefill_threads": profile.prefill_threads,
                "batch_tokens": profile.step_tokens,
                "ubatch_tokens": profile.ubatch_tokens,
                "flash_attention": profile.flash_attention,
                "kv_type": profile.kv_type,
                "workloads": ("prefill", "decode1"),
                "depth": 0,
                "prompt": PROMPT,
            }
        )
    except TrialFailed as error:
        raise NotTimed(name=path.stem, reason=error) from error
    finally:
        child.close()


def _rate(rates: Sequence[float]) -> Rate:
    return Rate(median(rates), min(rates), max(rates))
