"""The sandboxed child: one request in `argv`, length-prefixed JSON records on standard output.

    {"page": [number, text, [[char_start, level, title], …],
              [[char_start, char_end, header], …], layout or null]} any number of these
    {"boxes": [width, height, [[x0, y0, x1, y1], …]]}   {"image": "base64 of a PNG"}
    {"ocr": true}                                     a page is about to be read by OCR
    {"member": path, "bytes": "base64", "last": true}     a file inside, in slices
    {"member": path, "error_inside": code, "details": {…}}          one that does not come out
    {"error": code, "details": {…}}                                 then nothing follows
    {"done": true}                                                  then nothing follows

Limits are set after the parser is imported, which takes memory and files that are not the
document's fault, and before the document is opened. Knows no settings: the parent decides.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.errors import LecternError, ParserMemory
from ingest.sniff import PICTURES

MODULES = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/epub+zip": "epub",
    "application/zip": "unpack",
    "message/rfc822": "mail",
    **dict.fromkeys(PICTURES, "picture"),
    "text/markdown": "markdown",
    "text/html": "html",
    "text/csv": "delimited",
    "text/tab-separated-values": "delimited",
    "text/plain": "text",
}
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_WITH_OCR = frozenset(("pdf", "picture"))
_OPEN_FILES = 64
_SLICE = 4 << 20  #: bytes of a member in one record


def main() -> None:
    """Answer the request and exit."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    _die_with(request["parent"])
    parser = importlib.import_module(f"ingest.parsers.{_module(request)}")
    output = _private_output()
    os.nice(request["nice"])
    _limit(request)
    more = [_recognizer(request, output)] if _module(request) in _WITH_OCR else []
    try:
        for record in _answer(parser, request, *more):
            _send(output, record)
        _send(output, {"done": True})
    except LecternError as error:
        _send(output, {"error": error.code, "details": error.details})
    except MemoryError:
        limit = {"limit_mb": request["memory_mb"]}
        _send(output, {"error": ParserMemory.code, "details": limit})


def _module(request: dict[str, Any]) -> str:
    if request["kind"] == "pages":
        return MODULES[request["media_type"]]
    if request["kind"] == "members":
        return "unpack"
    return "picture" if request["media_type"] in PICTURES else "view"


def _recognizer(request: dict[str, Any], output: BinaryIO) -> Any:
    """Reads pictures; says so before each, and gives itself the time for it."""

    def renew() -> None:
        _send(output, {"ocr": True})
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = round(time.process_time()) + request["seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))

    return importlib.import_module("ingest.parsers.ocr").Recognizer(request["ocr_pages"], renew)


def _answer(parser: Any, request: dict[str, Any], *more: Any) -> Iterator[dict[str, Any]]:
    path = Path(request["path"])
    if request["kind"] == "pages":
        for page in parser.pages(path, request["max_pages"], *more):
            headings = [(one.char_start, one.level, one.title) for one in page.headings]
            tables = [(one.char_start, one.char_end, one.header) for one in page.tables]
            layout = page.layout.plain() if page.layout else None
            yield {"page": (page.number, page.text, headings, tables, layout)}
    elif request["kind"] == "members":
        for member in parser.members(path, request["media_type"], request["max_bytes"]):
            yield from _member(member)
    elif request["kind"] == "boxes":
        place = request["page"], request["char_start"], request["char_end"]
        yield {"boxes": parser.boxes(path, *place)}
    elif request["kind"] == "image":
        png = parser.image(path, request["page"], request["width"])
        yield {"image": b64encode(png).decode("ascii")}


def _member(member: Any) -> Iterator[dict[str, Any]]:
    if member.fault is not None:
        fault = member.fault
        yield {"member": member.path, "error_inside": fault.code, "details": fault.details}
        return
    for begin in range(0, len(member.data), _SLICE):
        end = begin + _SLICE
        slice_ = b64encode(member.data[begin:end]).decode("ascii")
        yield {"member": member.path, "bytes": slice_, "last": end >= len(member.data)}


def _die_with(parent: int) -> None:
    """Be killed when the parent's thread ends, however it ends; gain no rights meanwhile."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before we asked
        sys.exit(1)


def _private_output() -> BinaryIO:
    """Standard output for records alone: whatever a library prints goes nowhere."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return output


def _limit(request: dict[str, Any]) -> None:
    seconds, memory = request["seconds"], request["memory_mb"] << 20
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, memory),
    ):
        resource.setrlimit(what, (limit, limit))
    # The soft limit kills with a signal that tells why; the hard one is for who ignores it.
    for_ocr = request["ocr_pages"] * request["ocr_seconds"] * (_module(request) in _WITH_OCR)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + for_ocr + 5))


def _send(output: BinaryIO, record: dict[str, Any]) -> None:
    data = json.dumps(record, ensure_ascii=False).encode()
    output.write(len(data).to_bytes(4, "big") + data)
    output.flush()


if __name__ == "__main__":
    main()
