"""One parser process: how it is started, listened to and ended.

The child limits itself (`ingest.parsers.__main__`); here are the clock, the kill and the check of
what it says. Its records are input like any other: what is not well-formed is a crash.
Knows nothing of what the records mean.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import (
    ArchiveBomb,
    ArchiveTooDeep,
    DamagedDocument,
    EmptyDocument,
    EmptyFile,
    EncryptedDocument,
    FileTooLarge,
    LecternError,
    NoTextLayer,
    OcrMissing,
    PageNotFound,
    ParserCrashed,
    ParserMemory,
    ParserTimeout,
    ReadingCancelled,
    TooManyMembers,
    TooManyPages,
    TooMuchText,
    UndecodableText,
    UnsupportedType,
)
from ingest.settings import settings

_ROOT = Path(__file__).resolve().parent.parent
#: -E and -s: neither the environment nor the user's folder adds code to it.
_COMMAND = [sys.executable, "-E", "-s", "-X", "utf8", "-m", "ingest.parsers"]
_POLL_SECONDS = 0.1
_LARGEST_RECORD = 64 << 20
_ERRORS: dict[str, type[LecternError]] = {
    kind.code: kind
    for kind in (
        ArchiveBomb,
        ArchiveTooDeep,
        DamagedDocument,
        EmptyDocument,
        EmptyFile,
        EncryptedDocument,
        FileTooLarge,
        NoTextLayer,
        OcrMissing,
        PageNotFound,
        ParserMemory,
        TooManyMembers,
        TooManyPages,
        TooMuchText,
        UndecodableText,
        UnsupportedType,
    )
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost."""

    seconds: float  #: that we wait for the parser, and that it computes
    memory_mb: int  #: address space of the process, some 150 of which are the parser itself
    max_pages: int
    max_characters: int
    max_bytes: int = 200 << 20  #: of a file inside an archive or a mail
    ocr_pages: int = 1_000  #: that may be read by OCR; 0: none
    ocr_seconds: float = 60.0  #: more, for each page that was

    @classmethod
    def from_settings(cls) -> "Limits":
        """The limits this installation is configured with."""
        ours = settings()
        return cls(
            ours.parser_seconds,
            ours.parser_memory_mb,
            ours.max_pages,
            ours.max_characters,
            ocr_pages=ours.ocr_pages,
            ocr_seconds=ours.ocr_seconds,
        )


def records(
    path: Path, request: dict[str, Any], limits: Limits, cancelled: Callable[[], bool]
) -> Generator[dict[str, Any], None, None]:
    """What the parser answers to a request, one record at a time; raises what ends it.

    Closing the generator kills the process.
    """
    with _child(path, request, limits) as child:
        reader = _Reader(child, limits, cancelled)
        while True:
            size = int.from_bytes(reader.take(4), "big")
            if size > _LARGEST_RECORD:
                raise ParserCrashed
            try:
                record = json.loads(reader.take(size))
            except ValueError as error:
                raise ParserCrashed from error
            if not isinstance(record, dict):
                raise ParserCrashed
            if "error" in record:
                raise told(str(record["error"]), record.get("details"))
            if "done" in record:
                return
            if "ocr" in record:
                reader.renew()
                continue
            yield record


def told(code: str, details: Any) -> LecternError:
    """The error that a child names; ParserCrashed for what it can't have meant."""
    kind = _ERRORS.get(code)
    if kind is None or not isinstance(details, dict):
        return ParserCrashed()
    try:
        return kind(**details)
    except (KeyError, TypeError):
        return ParserCrashed()


def _request(path: Path, request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    return {
        **request,
        "path": str(path.absolute()),
        "parent": os.getpid(),
        "seconds": max(1, round(limits.seconds)),
        "memory_mb": limits.memory_mb,
        "ocr_pages": limits.ocr_pages,
        "ocr_seconds": max(1, round(limits.ocr_seconds)),
        "nice": 10 if request["kind"] == "pages" else 0,  # somebody waits for a picture
    }


@contextmanager
def _child(
    path: Path, request: dict[str, Any], limits: Limits
) -> Iterator["subprocess.Popen[bytes]"]:
    """A parser at work, dead at the end of the block."""
    process = subprocess.Popen(
        [*_COMMAND, json.dumps(_request(path, request, limits))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env={},
        bufsize=0,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


class _Reader:
    """Bytes from a child, with the clock and the cancel flag watched while we wait."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", limits: Limits, cancelled: Callable[[], bool]
    ) -> None:
        assert child.stdout is not None
        self._child = child
        self._limits = limits
        self._cancelled = cancelled
        self._left = limits.seconds
        self._asked = 0.0  # when we last asked whether to go on
        self._buffer = bytearray()
        self._file = child.stdout.fileno()
        self._poll = select.poll()  # unlike select(), takes any file number
        self._poll.register(self._file, select.POLLIN)

    def take(self, size: int) -> bytes:
        """Exactly the next `size` bytes."""
        while True:
            self._look_up()
            if len(self._buffer) >= size:
                taken = bytes(self._buffer[:size])
                del self._buffer[:size]
                return taken
            began = time.monotonic()
            ready = self._poll.poll(1_000 * min(_POLL_SECONDS, max(self._left, 0)))
            self._left -= time.monotonic() - began
            if ready:
                chunk = os.read(self._file, 1 << 18)
                if not chunk:
                    raise self._verdict()
                self._buffer += chunk
            elif self._left <= 0:
                raise ParserTimeout(seconds=self._limits.seconds)

    def renew(self) -> None:
        """A page is about to be read by OCR, which takes longer than all else."""
        self._left = min(self._left + self._limits.ocr_seconds, self._limits.seconds)

    def _look_up(self) -> None:
        if time.monotonic() - self._asked >= _POLL_SECONDS:
            if self._cancelled():
                raise ReadingCancelled
            self._asked = time.monotonic()

    def _verdict(self) -> LecternError:
        """Why the child ended before it was done."""
        try:
            code = self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            return ParserCrashed()
        if code == -signal.SIGXCPU:
            return ParserTimeout(seconds=self._limits.seconds)
        # The kernel out of memory kills (we didn't); pdfium out of memory aborts.
        if code in (-signal.SIGKILL, -signal.SIGABRT):
            return ParserMemory(limit_mb=self._limits.memory_mb)
        return ParserCrashed(exit=code)
