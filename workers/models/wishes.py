"""What model `lectern models use` wants, and what the launcher makes of it: two files.

    models/wanted.json    the wish, written by who runs the command
    models/swap.json      how far it is, written by `lectern up`

The model in use is noted (`shelf`) when it has proved itself, never before: a launcher that dies
in between comes back with the old one. Loads no heavy library.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from workers.models.shelf import BUNDLED, write

WANTED, NEWS = "wanted.json", "swap.json"


class Stage(StrEnum):
    """Where a change of the model stands."""

    STARTING = "starting"  #: the new worker loads, and measures the machine if it never was
    EMPTYING = "emptying"  #: the old one finishes first: there is no room for both
    READY = "ready"  #: the new one works, the old one finishes what it holds
    DONE = "done"
    FAILED = "failed"  #: the old one works as before


@dataclass(frozen=True, slots=True)
class Wish:
    """One change of the model."""

    id: str
    name: str | None  #: on the shelf, or a path; None: the bundled one
    path: str  #: LECTERN_MODEL of the new worker
    beside: bool  #: whether there is room for it beside the old one
    remark: str = ""  #: what the start will have to do besides

    @property
    def title(self) -> str:
        """For people."""
        return self.name or BUNDLED


@dataclass(frozen=True, slots=True)
class News:
    """How far a wish is."""

    id: str
    stage: Stage
    message: str
    at: float  #: Unix time

    @property
    def final(self) -> bool:
        """Whether nothing more will come."""
        return self.stage in (Stage.DONE, Stage.FAILED)


class Wishes:
    """The two files in the folder of the models."""

    def __init__(self, folder: Path) -> None:
        """The folder need not exist yet."""
        self._folder = folder

    def wish(self, wish: Wish) -> None:
        """Ask for it; an older wish that nobody has begun with is forgotten."""
        self._write(WANTED, asdict(wish))

    def wished(self) -> Wish | None:
        """The last one."""
        try:
            return Wish(**self._read(WANTED))
        except TypeError:
            return None

    def tell(self, wish: Wish, stage: Stage, message: str) -> None:
        """Say how far it is."""
        self._write(NEWS, asdict(News(wish.id, stage, message, time.time())))

    def news(self) -> News | None:
        """What was said last."""
        told = self._read(NEWS)
        try:
            return News(**{**told, "stage": Stage(told["stage"])})
        except (TypeError, KeyError, ValueError):
            return None

    def _read(self, name: str) -> dict[str, Any]:
        try:
            told = json.loads((self._folder / name).read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _write(self, name: str, told: Mapping[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write(self._folder / name, json.dumps(told))
