"""`lectern models convert`: a folder as its makers publish it becomes a GGUF file."""

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ingest.errors import LecternError, Refused
from workers.models import making, source
from workers.models.checkpoint import Checkpoint, look
from workers.models.shelf import ModelNotShelved
from workers.models.telling import Tell

TYPES = ("F16", "BF16")
SCRIPT = "convert_hf_to_gguf.py"
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "workers.models.converter"]
#: For transformers: no hub, no reports, and bars whatever the terminal is.
SETTINGS = ("HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "HF_HUB_DISABLE_TELEMETRY=1")
#: What a converter with PyTorch takes beside the tensor that it works on.
ROOM_BYTES = 2 << 30
#: Lines of its complaint that are handed on.
LAST_LINES = 3
LINE = re.compile(rb"[\r\n]+")
PERCENT = re.compile(r"Writing:\s+(\d+)%")
NOISE = re.compile(r"^(INFO|DEBUG|WARNING):|^\s*$|%\|")


class TypeUnknown(Refused):
    """A model is converted to {types}, not to {kind}: `lectern models quantize` makes the rest."""

    code = "type_unknown"


class NotConverted(LecternError):
    """llama.cpp's converter gave {folder} up: {reason}."""

    code = "not_converted"


def run(tell: Tell, *, folder: str, name: str | None = None, type: str = "F16") -> dict[str, Any]:  # noqa: A002
    """Convert a folder and put the result on the shelf; at once if that has been done before.

    Raises what is named here and in `shelf`, NotACheckpoint, SourceMissing, MemoryTooSmall or
    ModelUnusable.
    """
    kind = type.upper()
    if kind not in TYPES:
        raise TypeUnknown(types=" or ".join(TYPES), kind=type)
    found = look(Path(folder))
    own = name or f"{_stem(found.folder.resolve().name)}-{kind}"
    made = {"from": None, "format": kind, "folder": str(found.folder), "bytes": found.stored}
    if not _there(own, made):
        making.require_memory(own, ROOM_BYTES)
        making.shelf().prepare(own, found.size)
        _convert(found, own, kind, tell)
        origin = f"converted: {found.folder.name} ({found.architecture}) as {kind}"
        making.put(own, made, origin, found.licence, tell)
    model = making.shelf().find(own)
    return {"name": own, "path": str(model.path), "size": model.size, "licence": model.licence}


def _stem(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-") or "model"


def _there(name: str, made: dict[str, Any]) -> bool:
    try:
        making.shelf().find(name)
    except ModelNotShelved:
        return False
    return making.how(name) == made


def _convert(found: Checkpoint, name: str, kind: str, tell: Tell) -> None:
    home = source.llama_cpp(tell)
    paths = f"PYTHONPATH={home / 'gguf-py'}:{home}:{ROOT}"
    with making.part(making.place_for(name)) as unfinished:
        words = [str(home / SCRIPT), str(found.folder), str(unfinished), kind]
        tell(f"converting {name}")
        with subprocess.Popen(
            ["env", *SETTINGS, paths, *PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        ) as child:
            try:
                assert child.stderr is not None
                said = _listen(child.stderr, name, tell)
            finally:
                child.kill()
        if child.returncode or not unfinished.is_file():
            raise NotConverted(
                folder=found.folder, reason=said or f"it ended with {child.returncode}"
            )


def _listen(stream: IO[bytes], name: str, tell: Tell) -> str:
    """Its progress as ours; returns what it complained about last."""
    last = deque[str](maxlen=LAST_LINES)
    for line in _lines(stream):
        if percent := PERCENT.search(line):
            tell(f"converting {name}", int(percent[1]), 100)
        elif not NOISE.search(line):
            last.append(line.strip())
    return " / ".join(last)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """As they come; a bar's end with a carriage return."""
    rest = b""
    while block := os.read(stream.fileno(), 1 << 16):
        *whole, rest = LINE.split(rest + block)
        yield from (line.decode("utf-8", "replace") for line in whole)
    yield rest.decode("utf-8", "replace")
