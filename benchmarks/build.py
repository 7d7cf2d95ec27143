"""llama-server from the llama.cpp source inside the installed llama-cpp-python's distribution.

The very source that Lectern's engine is made of, compiled with the same flags: what differs is
what we measure. Built once, into `.venv/peers/`.
"""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.errors import PeerMissing

PEERS = Path(sys.prefix) / "peers"
DISTRIBUTION = "llama-cpp-python"
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
    """The program, built when it is not there yet. Raises PeerMissing."""
    place = PEERS / f"llama-server-{version(DISTRIBUTION)}"
    if not place.is_file():
        _build(_source(), place)
    return place


def _source() -> Path:
    name = f"{DISTRIBUTION.replace('-', '_')}-{version(DISTRIBUTION)}"
    source = PEERS / "source" / name
    if not source.is_dir():
        archive = source.parent / f"{name}.tar.gz"
        if not archive.is_file():
            wanted = f"{DISTRIBUTION}=={version(DISTRIBUTION)}"
            pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
            options = ["--no-deps", "--no-binary", DISTRIBUTION, "--dest", str(source.parent)]
            _run([*pip, *options, wanted], "downloading the source of llama.cpp")
        with tarfile.open(archive) as packed:
            packed.extractall(source.parent, filter="data")
    return source / "vendor" / "llama.cpp"


def _build(source: Path, place: Path) -> None:
    cmake, folder = _program("cmake"), PEERS / "build"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    configure = [cmake, "-S", str(source), "-B", str(folder), *generator, *FLAGS]
    _run(configure, "configuring llama-server")
    compile_it = [cmake, "--build", str(folder), "--target", "llama-server", "--parallel"]
    _run(compile_it, "compiling llama-server (5 to 15 minutes, once)")
    part = place.with_suffix(".part")
    shutil.copy2(folder / "bin" / "llama-server", part)
    part.replace(place)
    shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise PeerMissing(f"there is no {name}; make bench installs it")
    return found


def _run(command: list[str], what: str) -> None:
    print(f"· {what}", file=sys.stderr, flush=True)
    PEERS.mkdir(parents=True, exist_ok=True)
    log = PEERS / "build.log"
    with log.open("ab") as into:
        done = subprocess.run(command, stdout=into, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise PeerMissing(f"{what} failed; see {log.relative_to(PEERS.parent.parent)}")
