"""llama.cpp's own programs, from the source inside the installed llama-cpp-python's distribution.

The very source that Lectern's engine is made of, compiled with the same flags: what differs is
what we measure. Built once, into `.venv/peers/`.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.errors import PeerMissing
from workers.models.source import DISTRIBUTION, PEERS, SourceMissing, llama_cpp

FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
)


def llama_server() -> Path:
    """The server, built when it is not there yet. Raises PeerMissing."""
    return programs("llama-server")[0]


def programs(*names: str) -> list[Path]:
    """Some of llama.cpp's programs; those that are not there yet are built. Raises PeerMissing."""
    places = {name: PEERS / f"{name}-{version(DISTRIBUTION)}" for name in names}
    missing = {name: place for name, place in places.items() if not place.is_file()}
    if missing:
        try:
            source = llama_cpp(_tell)
        except SourceMissing as error:
            raise PeerMissing(str(error)) from error
        _build(source, missing)
    return list(places.values())


def _build(source: Path, places: Mapping[str, Path]) -> None:
    cmake, folder, what = _program("cmake"), PEERS / "build", ", ".join(places)
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    configure = [cmake, "-S", str(source), "-B", str(folder), *generator, *FLAGS]
    _run(configure, f"configuring {what}")
    compile_them = [cmake, "--build", str(folder), "--parallel", "--target", *places]
    _run(compile_them, f"compiling {what} (5 to 15 minutes, once)")
    for name, place in places.items():
        part = place.with_suffix(".part")
        shutil.copy2(folder / "bin" / name, part)
        part.replace(place)
    shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise PeerMissing(f"there is no {name}; make bench installs it")
    return found


def _tell(doing: str, done: float = 0, total: float | None = None) -> None:  # noqa: ARG001 - see Tell
    print(f"· {doing}", file=sys.stderr, flush=True)


def _run(command: list[str], what: str) -> None:
    _tell(what)
    PEERS.mkdir(parents=True, exist_ok=True)
    log = PEERS / "build.log"
    with log.open("ab") as into:
        done = subprocess.run(command, stdout=into, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise PeerMissing(f"{what} failed; see {log.relative_to(PEERS.parent.parent)}")
