"""What is known of model files, so that no start hashes forty gigabytes or examines them anew.

    models/ledger.json    path → which file that was, its SHA-256, and what its examination found

A file is the same while device, inode, size and times are: somebody who can change these may as
well change the ledger.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

LEDGER = "ledger.json"
BLOCK = 8 << 20
Hear = Callable[[float, float], None]


def _deaf(_done: float, _total: float) -> None:
    """Nobody is told."""


class Ledger:
    """The facts kept in one folder. Any process may write; the last one is believed."""

    def __init__(self, folder: Path) -> None:
        """The folder need not exist yet."""
        self._path = folder / LEDGER

    def sha256(self, file: Path, hear: Hear = _deaf) -> str:
        """The file's sum, computed if it is not known. `hear` is told bytes done and in all."""
        known = self._known(file).get("sha256")
        if known is None:
            known = digest(file, hear)
            self.learn(file, sha256=known)
        return str(known)

    def examined(self, file: Path) -> dict[str, Any]:
        """What the examination of a model found whose first file this is; empty: none is known."""
        found = self._known(file).get("examined")
        return found if isinstance(found, dict) else {}

    def learn(self, file: Path, **facts: Any) -> None:
        """Keep facts about a file as it is now."""
        told = self._read()
        told[str(file.resolve())] = self._known(file) | facts | {"file": _identity(file)}
        kept = {path: fact for path, fact in told.items() if Path(path).exists()}
        with suppress(OSError):  # a folder that can't be written: then it is computed each time
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(kept, indent=1))
            part.replace(self._path)

    def _known(self, file: Path) -> dict[str, Any]:
        fact = self._read().get(str(file.resolve()), {})
        same = isinstance(fact, dict) and fact.get("file") == _identity(file)
        return fact if same else {}

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}


def digest(file: Path, hear: Hear = _deaf) -> str:
    """SHA-256 of a file, read from its beginning to its end."""
    total, done, sums = file.stat().st_size, 0, hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            sums.update(block)
            done += len(block)
            hear(done, total)
    return sums.hexdigest()


def _identity(file: Path) -> list[int]:
    told = file.stat()
    return [told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns]
