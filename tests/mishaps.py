"""What the fault tests do to a fleet, the work it is done to, and what must hold afterwards."""

import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from fakes import prose
from fleet import Fleet, Process, until
from test_stack import report

_NUMBERS = count(1)
#: Takes seconds to parse and minutes to embed.
LONG_TEXT = prose(3_000).encode()


def summary_at_work(lectern: Fleet, sections: int = 3) -> str:
    """A long summary some of whose sections are done, and others are not."""
    marker = f"district{next(_NUMBERS)}"
    collection = lectern.new_collection(f"Faults {marker}")
    (document,) = lectern.read(collection, long_txt=report(sections, marker).encode())
    job = lectern.ask_for(kind="summary", document_id=document["id"])["id"]
    until(lambda: lectern.done_steps(job), "a section is done")
    assert lectern.job(job)["status"] == "running"
    return str(job)


def note(lectern: Fleet, collection: str, **files: bytes) -> str:
    """The job that reads a short new document."""
    text = f"# Minutes {next(_NUMBERS)}\n\nThe meeting of the harbour office was on Monday.\n"
    answer = lectern.upload(collection, **(files or {"notes_md": text.encode()}))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def parser_of(worker: Process) -> psutil.Process:
    """The parser that the worker runs, once it does."""

    def first() -> psutil.Process | None:
        children = psutil.Process(worker.pid).children()
        return next((one for one in children if "ingest.parsers" in _command(one)), None)

    found: psutil.Process = until(first, "a parser runs")
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; a zombie has, though nobody has asked how."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def freeze(lectern: Fleet, process: Process) -> None:
    """Stop the process while it does not hold SQLite's one write lock, which others need."""

    def frozen() -> bool:
        process.send_signal(signal.SIGSTOP)
        if lectern.can_write():
            return True
        process.send_signal(signal.SIGCONT)
        return False

    until(frozen, "it is frozen without a lock")


@contextmanager
def no_room(process: Process, size: int = 1) -> Iterator[None]:
    """A full disk, simulated: writes of the process beyond `size` bytes of any file fail."""
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(lectern: Fleet) -> Iterator[None]:
    """Somebody else holds the database's one write lock."""
    path = lectern.data / "lectern.db"
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def kept(lectern: Fleet) -> set[str]:
    """All that there is of originals, whole or half-written."""
    return {path.name for path in (lectern.data / "blobs").rglob("*") if path.is_file()}


def largest_file(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def whole(lectern: Fleet) -> bool:
    """Whether the database is not corrupt."""
    return lectern.sql("PRAGMA integrity_check") == [("ok",)]


def claims(lectern: Fleet, job: str) -> list[tuple[str, int, int]]:
    """(status, claims, lost) of each step."""
    return [(step["status"], step["claims"], step["lost"]) for step in lectern.steps(job)]


def refused(answer: Any) -> tuple[int, str, bool]:
    """Status, code, and whether it says when to try again."""
    return answer.status_code, answer.json()["code"], "retry-after" in answer.headers
