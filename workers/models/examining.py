"""A model is loaded by a process that may die, before any other loads it.

Its files are checked without the library first (`workers.engine.parts`); then a child with limits
loads it, writes some tokens and tries its chat template (`workers.engine.examination`).
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workers.engine.header import Header, header
from workers.engine.machine import LIBRARY
from workers.errors import ModelUnusable

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = [sys.executable, "-E", "-s", "-m", "workers.engine.examination"]
#: Address space for Python, the library and its buffers, beside the mapped weights.
ROOM_BYTES = 4 << 30
#: Time for the start and the tokens, and the slowest disk that weights may come from.
SECONDS, BYTES_A_SECOND = 120.0, 20_000_000
LARGEST_ANSWER = 1 << 16
#: What is believed of what the child says, by type.
FIELDS: Mapping[str, type] = {
    "architecture": str,
    "parameters": int,
    "context": int,
    "vocabulary": int,
    "cuts": bool,
    "recurrent": bool,
    "hybrid": bool,
    "window": int,
    "template": bool,
    "thinks": bool,
    "wrote": str,
}


def examine(
    path: Path, seconds: float = SECONDS, hear: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """What `path` is, after a child has loaded it. Takes seconds, or minutes for large files.

    `hear` is called now and then meanwhile. Raises ModelMissing or ModelUnusable.
    """
    told = header(path)
    found = _believed(path, _asked(path, told, seconds + told.file_bytes / BYTES_A_SECOND, hear))
    return found | {"memory": told.memory, "library": version(LIBRARY), "at": time.time()}


def _asked(path: Path, told: Header, seconds: float, hear: Callable[[], None]) -> bytes:
    request = {
        "path": str(path.resolve()),
        "parent": os.getpid(),
        "seconds": max(1, round(seconds)),
        "bytes": ROOM_BYTES + 2 * told.file_bytes,
    }
    with subprocess.Popen(
        [*_COMMAND, json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env={},
        bufsize=0,
        start_new_session=True,
    ) as child:
        try:
            answer = _listen(child, path, seconds, hear)
        finally:
            child.kill()
    if child.returncode not in (0, -signal.SIGKILL) or not answer:
        raise ModelUnusable(path=path, reason=_end(child.returncode))
    return answer


def _listen(
    child: "subprocess.Popen[bytes]", path: Path, seconds: float, hear: Callable[[], None]
) -> bytes:
    """All that it says; raises ModelUnusable when it says too much or takes too long."""
    assert child.stdout is not None
    until, answer = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < until:
            hear()
            if not selector.select(0.2):
                continue
            more = os.read(child.stdout.fileno(), LARGEST_ANSWER)
            answer += more
            if not more:
                child.wait()
                return answer
            if len(answer) > LARGEST_ANSWER:
                break
    raise ModelUnusable(path=path, reason=f"loading it did not end within {seconds:.0f} s")


def _believed(path: Path, answer: bytes) -> dict[str, Any]:
    try:
        told = json.loads(answer.splitlines()[-1])
        error = told.get("error")
        found = {name: told[name] for name in FIELDS} if error is None else {}
    except (ValueError, KeyError, AttributeError, IndexError) as odd:
        raise ModelUnusable(path=path, reason="the process that loaded it said nonsense") from odd
    if error is not None:
        raise ModelUnusable(path=path, reason=str(error)[:500])
    if any(type(found[name]) is not kind for name, kind in FIELDS.items()):
        raise ModelUnusable(path=path, reason="the process that loaded it said nonsense")
    return found


def _end(code: int) -> str:
    if code < 0:
        return f"llama.cpp crashed on it ({signal.Signals(-code).name})"
    return f"the process that loaded it ended with {code}"
