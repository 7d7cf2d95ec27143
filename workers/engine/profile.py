"""What the tuner found best for a model on a machine: kept as JSON, overridden knob by knob.

Imports no heavy library, because the wait policy must be known before any of them is loaded.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import structlog

from ingest.settings import settings as ingest_settings
from workers.engine.machine import machine
from workers.engine.topology import topology, usable_cores
from workers.settings import Settings

SHIPPED = "shipped"  #: the model's file as it is
ROOM_FOR_F16 = 4_000_000_000
#: From so many cores on three quarters of them are the first guess for writing: reading weights
#: fills the memory bus before all are busy, and the rest of Lectern needs some too.
MANY_CORES = 8
#: How far throughput may fall behind what was measured, the machine's noise being 15 %.
DRIFT = 0.2
#: Knobs without influence on what was measured with them at another value.
HARMLESS = {"mlock", "mmap", "batch_tokens"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement: the middle of several."""

    knob: str
    value: str
    workload: str
    figure: float
    unit: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Why a knob has its value."""

    knob: str
    value: str
    reason: str
    gain: float  #: share of the time saved against the default, 0 when it stayed


@dataclass(frozen=True, slots=True)
class Profile:
    """Every knob of the engine, and the figures measured with them."""

    weights: str  #: "shipped", "Q8_0", "F16" or "BF16": what the bundled model is loaded as
    threads: int  #: for a single row
    prefill_threads: int  #: for more rows
    ubatch_tokens: int
    flash_attention: bool  #: of people's sequences
    batch_flash_attention: bool  #: of the background's
    repack: bool
    mlock: bool
    kv_type: str  #: "f16" or "q8_0"
    wait_policy: str | None  #: for OpenMP: "passive", "spin:COUNT" or its own way
    mmap: bool = True  #: weights are pages of their file, not a copy
    gpu_layers: int = 0  #: what a GPU computes, if there is one; -1: all
    batch_tokens: int = 512  #: rows handed to one decode, in pieces of `ubatch_tokens`
    #: Sequences, rows of each → seconds of a decode.
    step_cost: tuple[tuple[int, int, float], ...] = ()
    prefill_rate: float = 0.0  #: tokens/s; 0: not measured
    decode_rate: float = 0.0  #: tokens/s of one sequence
    measured: tuple[Trial, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def step_tokens(self) -> int:
        """Rows of one decode: never fewer than are computed at once."""
        return max(self.batch_tokens, self.ubatch_tokens)

    def drifted(self, prefill_rate: float) -> bool:
        """Whether prefill at `prefill_rate` tokens/s is much slower than what was measured."""
        return 0 < prefill_rate < (1 - DRIFT) * self.prefill_rate


def profile_for(settings: Settings, model_path: Path) -> Profile:
    """The profile to run `model_path` with: measured, or else safe; the operator's word goes first.

    `model_path` is the file as shipped (`weights.source`), not one that was made from it.
    """
    # What was measured holds for a model that stands here alone.
    known = None if settings.rpc_servers else measured(model_path)
    if known is not None and copied(settings):
        known = replace(known, mmap=False)
    return overridden(known or fallback(settings), settings)


def measured(model_path: Path) -> Profile | None:
    """What was measured for this file on this machine, if it ever was."""
    return load(place(model_path))


def fallback(settings: Settings) -> Profile:
    """Safe values for a machine that nothing is known of."""
    cores, free = usable_cores(), psutil.virtual_memory().available
    faster = "F16" if free >= ROOM_FOR_F16 else "Q8_0"
    return Profile(
        weights=SHIPPED if settings.model else faster,
        threads=cores * 3 // 4 if cores >= MANY_CORES else cores,
        prefill_threads=cores,  # products of matrices keep every core busy
        ubatch_tokens=512,
        flash_attention=False,
        batch_flash_attention=False,
        repack=True,
        mlock=False,
        kv_type="f16",
        wait_policy=None,
        mmap=not copied(settings),
    )


def copied(settings: Settings) -> bool:
    """Whether this process is kept on one of several nodes, and so wants weights of its own there:
    the pages of a mapped file lie on the node of whoever read them first.
    """
    return settings.numa != "off" and topology().confined


def overridden(profile: Profile, settings: Settings) -> Profile:
    """The profile with what the operator has fixed.

    Figures measured with another value are dropped: they would mislead.
    """
    told = fixes(settings)
    if settings.batch:  # llama.cpp can't compute more at once than it is handed
        at_once = settings.ubatch or profile.ubatch_tokens
        told["ubatch_tokens"] = min(at_once, settings.batch)
    fixed = {n: value for n, value in told.items() if value != getattr(profile, n)}
    if not fixed.keys() <= HARMLESS:
        fixed |= {"step_cost": (), "prefill_rate": 0.0, "decode_rate": 0.0}
    return replace(profile, **fixed)


def fixes(settings: Settings) -> dict[str, Any]:
    """The fields of a profile that the operator has fixed, with their values."""
    told: dict[str, Any] = {
        "threads": settings.threads or None,
        "prefill_threads": settings.prefill_threads or settings.threads or None,
        "ubatch_tokens": settings.ubatch or None,
        "flash_attention": {"on": True, "off": False}.get(settings.flash_attention),
        "batch_flash_attention": {"on": True, "off": False}.get(settings.flash_attention),
        "repack": {"on": True, "off": False}.get(settings.repack),
        "mlock": {"on": True, "off": False}.get(settings.mlock),
        "mmap": {"on": True, "off": False}.get(settings.mmap),
        "gpu_layers": settings.gpu_layers,
        "batch_tokens": settings.batch or None,
        "kv_type": settings.kv_type,
        "weights": None if settings.weights == "auto" else settings.weights,
    }
    if settings.kv_type != "f16":
        # llama.cpp has no other kernel for such a V
        told["flash_attention"] = told["batch_flash_attention"] = True
    if settings.model:
        told["weights"] = SHIPPED
    return {name: value for name, value in told.items() if value is not None}


def environment(wait_policy: str | None) -> dict[str, str]:
    """What OpenMP must find in the environment when it is loaded."""
    if wait_policy is None:
        return {}
    kind, _, count = wait_policy.partition(":")
    return {"GOMP_SPINCOUNT": count} if kind == "spin" else {"OMP_WAIT_POLICY": kind}


def place(model_path: Path) -> Path:
    """Where the profile of this file on this machine is kept."""
    return ingest_settings().data / "profiles" / f"{machine().key(model_path)}.json"


def store(profile: Profile, path: Path, about: Mapping[str, Any]) -> None:
    """Write the profile, whole or not at all; `about` is for people who look into the file."""
    text = json.dumps({"about": dict(about), "profile": asdict(profile)}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path) -> Profile | None:
    """The profile in a file; None when there is none or it can't be read."""
    try:
        told = json.loads(path.read_text())["profile"]
        told["step_cost"] = tuple((int(n), int(r), float(s)) for n, r, s in told["step_cost"])
        told["measured"] = tuple(Trial(**trial) for trial in told["measured"])
        told["choices"] = tuple(Choice(**choice) for choice in told["choices"])
        return Profile(**told)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("profile_unreadable", file=path.name, error=repr(error))
        return None
