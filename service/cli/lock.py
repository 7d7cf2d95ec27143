"""One Lectern per data folder: a lock that lives as long as any of its parts.

The parts inherit the locked file, so that a new start can't open the stores while a part of a
killed launcher is still writing to them.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO

from service.cli.errors import AlreadyRunning, DataFolderUnusable

#: How long the parts of a launcher that was killed may take to end.
LEFTOVERS_S = 20.0


class DataLock:
    """Held from construction until `release`. Raises `AlreadyRunning`, `DataFolderUnusable`."""

    def __init__(self, data: Path, address: str) -> None:
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file: IO[str] = (data / "lectern.lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise DataFolderUnusable(path=data, reason=error.strerror) from error
        self._take()
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "address": address}, self._file)
        self._file.flush()

    @property
    def descriptor(self) -> int:
        """What the parts inherit."""
        return self._file.fileno()

    def release(self) -> None:
        """Give the folder free, once the parts are gone too."""
        self._file.seek(0)
        self._file.truncate()
        self._file.close()

    def _take(self) -> None:
        deadline = time.monotonic() + LEFTOVERS_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                holder = _holder(self._file)
                if _is_alive(holder["pid"]) or time.monotonic() > deadline:
                    self._file.close()
                    raise AlreadyRunning(**holder) from error
            time.sleep(0.1)


def running(data: Path) -> dict[str, object] | None:
    """Pid and address of the Lectern that holds this data folder, if one does."""
    try:
        with (data / "lectern.lock").open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except BlockingIOError:
        with (data / "lectern.lock").open(encoding="utf-8") as file:
            return _holder(file)


def _holder(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        told = json.load(file)
    except ValueError:
        told = {}
    return {"pid": told.get("pid", "unknown"), "address": told.get("address", "starting")}


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
