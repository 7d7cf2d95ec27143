"""The parts' log files: appended to, turned over at a start when they have grown."""

from pathlib import Path
from typing import IO

from service.cli.screen import plain

LARGEST_BYTES = 5_000_000
KEPT = 3  #: older files beside the current one


def open_log(path: Path) -> IO[bytes]:
    """The log, to append to; private, because messages may quote documents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_BYTES:
        turn_over(path)
    path.touch(mode=0o600)
    return path.open("ab")


def last_words(path: Path) -> str:
    """The last line that says something; where an exception ends, the exception."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()
    return next((plain(line).strip()[:300] for line in reversed(lines) if line.strip()), "")


def from_here(path: Path) -> str:
    """The path as somebody in this folder would name it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def turn_over(path: Path) -> None:
    """Put the log, if there is one, among the older ones."""
    if not path.exists():
        return
    for age in range(KEPT - 1, 0, -1):
        older = path.with_suffix(f".log.{age}")
        if older.exists():
            older.replace(path.with_suffix(f".log.{age + 1}"))
    path.replace(path.with_suffix(".log.1"))
