"""The embedders of a worker: the one that is set, and others that older generations were made by.

A collection goes on being searched by its own embedder after another one was set, as long as that
is still where it was found. It is loaded when somebody asks, and let go of when nobody does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import structlog

from ingest.embed import Embedder, bundled
from ingest.errors import EmbedderMissing
from ingest.fingerprints import of_content
from ingest.generations import Generation

IDLE_SECONDS = 900.0  #: after which an embedder that is not the one that is set is let go of
ABSENT_SECONDS = 60.0  #: for which one that was not found is not sought again

log = structlog.get_logger()


@dataclass(slots=True)
class _Other:
    """An embedder that was sought."""

    embedder: Embedder | None  #: None: it is not there
    used_at: float  #: monotonic seconds


class Embedders:
    """Thread-safe."""

    def __init__(self, current: Embedder, load: Callable[[str], Embedder]) -> None:
        """`current` is the one that is set; `load` gives that of a folder, or the bundled one."""
        self.current, self._load = current, load
        self._others: dict[str, _Other] = {}
        self._seeking = Lock()

    def of(self, generation: Generation) -> Embedder | None:
        """The one that a generation was made by; None if it is not here any more."""
        if generation.embedder in (self.current.fingerprint, self.current.former):
            return self.current
        with self._seeking:
            known = self._others.get(generation.embedder)
            if known is None or (known.embedder is None and _over(known, ABSENT_SECONDS)):
                known = _Other(self._sought(generation), time.monotonic())
                self._others[generation.embedder] = known
            elif known.embedder is not None:
                known.used_at = time.monotonic()
            return known.embedder

    def rest(self) -> bool:
        """Let go of those that nobody has asked for lately. A duty of a worker's rounds."""
        with self._seeking:
            self._others = {
                name: one for name, one in self._others.items() if not _over(one, IDLE_SECONDS)
            }
        return False

    def _sought(self, generation: Generation) -> Embedder | None:
        try:
            found = self._load(_there(generation))
        except (EmbedderMissing, OSError, ValueError, RuntimeError) as error:
            log.warning("embedder_not_found", embedder=generation.name, error=str(error))
            return None
        log.info("embedder_loaded", embedder=generation.name, beside=self.current.name)
        return found if generation.embedder in (found.fingerprint, found.former) else None


def _there(generation: Generation) -> str:
    """Its folder. Raises EmbedderMissing, also if another model lies in it now; loads nothing."""
    path = Path(generation.folder) if generation.folder else bundled()
    if not (path / "config.json").is_file():
        raise EmbedderMissing(path=path)
    if generation.dimensions and not of_content(path, generation.embedder):
        raise EmbedderMissing(path=path)
    return generation.folder


def _over(other: _Other, seconds: float) -> bool:
    return time.monotonic() - other.used_at > seconds
