"""Who is measured on a model, with which prompts, and their turns."""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as part
from pathlib import Path
from typing import Any

import psutil

from benchmarks import environment
from benchmarks.guide.checkpoints import Checkpoint
from workers.engine import profile as profiles
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CHILD = ["-m", "benchmarks.guide.answering"]
PATIENCE_SECONDS = 900.0
#: Token ids that are whole words in the bundled vocabulary; any others would cost the same.
IDS = range(1_000, 40_000)
OPENING = 32  #: tokens of the very first prompt
FRESH = 24  #: tokens of a question behind a text that was read before


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked for."""

    rounds: int
    short: int  #: tokens of a question alone
    long: int  #: tokens of a question with its evidence
    each: int  #: prompts of either length
    tokens: int  #: written behind each

    def __str__(self) -> str:
        """For the details."""
        return (
            f"prompts of {self.short} and {self.long} tokens, {self.tokens} written behind each; "
            f"median of {self.rounds} rounds"
        )

    @property
    def context(self) -> int:
        """Room for a prompt and what is written, in the steps that llama.cpp gives it in."""
        return -(-(self.long + self.tokens + 1) // 256) * 256


@dataclass(frozen=True, slots=True)
class Entrant:
    """One way to run the model."""

    name: str
    contestant: str  #: see contestants.CONTESTANTS
    path: Path
    told: Mapping[str, Any] = part(default_factory=dict)
    environment: Mapping[str, str] = part(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """What it reads its weights from."""
        return sorted(self.path.glob("*.safetensors")) if self.path.is_dir() else [self.path]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process has told."""

    entrant: str
    cold: bool
    began: float
    others: float  #: cores that whoever else used meanwhile
    told: Mapping[str, Any]

    @property
    def start(self) -> float:
        """Seconds from the start of the process to the first token of the first prompt."""
        return float(self.told["opened"] - self.began)

    @property
    def weights(self) -> float:
        """Seconds from the call that loads to that token: what is only mapped is read by then."""
        return float(self.told["opened"] - self.told["imported"])

    @property
    def call(self) -> float:
        """Seconds of the call that loads."""
        return float(self.told["loaded"] - self.told["imported"])


def entrants(checkpoint: Checkpoint, forms: Sequence[str], source: Path | None) -> list[Entrant]:
    """Transformers in each dtype, and Lectern with each of the formats.

    `source` is the file that Lectern's profile was measured for, if not the one that is loaded.
    """
    found = [
        Entrant(f"Transformers {dtype}", "pytorch", folder, {"dtype": dtype}, environment.plain())
        for dtype, folder in checkpoint.folders.items()
    ]
    for form in forms:
        path = checkpoint.gguf[form]
        measured_for = source or path
        chosen = profiles.profile_for(_settings(source, path), measured_for)
        openmp = {**environment.plain(), **profiles.environment(chosen.wait_policy)}
        given = {"source": str(measured_for), "bundled": source is not None}
        found.append(Entrant(f"Lectern {form}", "lectern", path, given, openmp))
    return found


def _settings(source: Path | None, path: Path) -> Settings:
    return Settings() if source else Settings(model=str(path))


def turns(field: Sequence[Entrant], sizes: Sizes, threads: int) -> Iterator[Run]:
    """Every entrant in every round, each with the prompts of that round; then from a cold disk."""
    for number in range(sizes.rounds):
        asked = _prompts(sizes, number)
        for entrant in field:
            yield _run(entrant, {**asked, "threads": threads, "context": sizes.context})
        for entrant in field:
            for file in entrant.files:
                _forget(file)
            asked = {**asked, "prompts": []}
            yield _run(entrant, {**asked, "threads": threads, "context": sizes.context}, cold=True)


def _prompts(sizes: Sizes, number: int) -> dict[str, Any]:
    made = random.Random(number)
    lengths = {"short": sizes.short, "long": sizes.long}
    prompts: list[dict[str, Any]] = [
        {"kind": kind, "ids": made.choices(IDS, k=length)}
        for kind, length in lengths.items()
        for _ in range(sizes.each + 1)  # the first of a kind warms, for both
    ]
    known = prompts[-1]["ids"][: sizes.long - FRESH] + made.choices(IDS, k=FRESH)
    prompts.append({"kind": "known", "ids": known})
    opening = made.choices(IDS, k=OPENING)
    return {"opening": opening, "prompts": prompts, "tokens": sizes.tokens}


def _run(entrant: Entrant, asked: Mapping[str, Any], *, cold: bool = False) -> Run:
    told = {**asked, **entrant.told, "contestant": entrant.contestant, "path": str(entrant.path)}
    order = json.dumps(told)
    began, busy, own = time.monotonic(), _busy(), _own()
    done = subprocess.run(
        [sys.executable, *CHILD],
        input=order,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(entrant.environment),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{entrant.name} ended with {done.returncode}: {done.stderr[-600:]}")
    others = (_busy() - busy - (_own() - own)) / (time.monotonic() - began)
    return Run(entrant.name, cold, began, max(0.0, others), json.loads(done.stdout))


def _busy() -> float:
    """CPU seconds of everything on this machine since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _own() -> float:
    """CPU seconds of the processes that we have started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _forget(file: Path) -> None:
    """Have the kernel drop the file's pages, which nobody maps now; the next reader has to wait."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
