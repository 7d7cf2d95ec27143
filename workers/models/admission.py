"""The gate between a model's file and the process that works with it.

Before a worker loads a model, all its files are on the operator's list, if there is one, and a
child process has loaded it without dying. Both are remembered for files that have not changed.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from ingest.settings import settings as ingest_settings
from workers.engine import bundle, parts
from workers.engine.machine import LIBRARY
from workers.models import allowed
from workers.models.examining import examine
from workers.models.ledger import Ledger
from workers.settings import Settings, models_folder

log = structlog.get_logger()


def admit(path: Path, settings: Settings) -> None:
    """Raise unless this process may load `path`; may take minutes the first time.

    Raises ModelNotAllowed, AllowListUnusable, ModelMissing or ModelUnusable.
    """
    require_allowed(path, settings)
    # What was installed with Lectern is no stranger.
    if path.resolve() == bundle.bundled().resolve():
        return
    ledger = _ledger()
    known = [ledger.examined(file).get("library") for file in parts.parts(path)]
    if set(known) != {version(LIBRARY)}:  # another one may well crash
        log.info("examining", model=path.name, what="loading it in a child process, once")
        learn(ledger, path, examine(path))


def require_allowed(path: Path, settings: Settings) -> None:
    """Raise unless the operator's list, if there is one, has all files of `path`.

    Raises ModelNotAllowed, AllowListUnusable, ModelMissing or ModelUnusable.
    """
    if allowed.allowed(settings.model_allow) is not None:
        ledger, files = _ledger(), parts.parts(path)
        allowed.require(settings.model_allow, ((file, ledger.sha256(file)) for file in files))


def learn(ledger: Ledger, path: Path, examined: Mapping[str, Any]) -> None:
    """Remember what an examination of `path` found, until one of its files changes."""
    for file in parts.parts(path):
        ledger.learn(file, examined=dict(examined))


def _ledger() -> Ledger:
    return Ledger(models_folder(ingest_settings().data))
