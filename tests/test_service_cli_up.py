"""`lectern up` as a process: real Redis, Chroma and service; the worker is a stand-in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from service.cli import parts

ROOT = Path(__file__).resolve().parents[1]
#: The launcher with a worker that does nothing: no model is loaded to test the supervision.
LAUNCHER = """
import sys
from service.cli import parts
from service.cli.__main__ import main
from service.cli.supervisor import Part
parts.worker = lambda environment, url, name: Part(
    name, [sys.executable, "-c", "import time; time.sleep(600)"],
    ready=lambda _: True, environment=environment)
sys.exit(main(sys.argv[1:]))
"""


class Launcher:
    """A running `lectern up --json`."""

    def __init__(self, data: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "LECTERN_DATA": str(data),
            "LECTERN_PORT": str(port),
            "LECTERN_SAMPLES": "off",
        }
        self.process = self.begin()

    def begin(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, "up", "--json"],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def hear(self, event: str, part: str | None = None) -> dict[str, Any]:
        """The next report of this kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event and part in (None, said.get("part")):
                return said
        assert self.process.stderr is not None
        raise AssertionError(self.process.stderr.read())

    def parts(self) -> dict[str, psutil.Process]:
        """The parts' processes by what they run."""
        found = {}
        for process in psutil.Process(self.process.pid).children():
            words = " ".join(process.cmdline())
            for part, sign in SIGNS.items():
                if sign in words:
                    found[part] = process
        return found


SIGNS = {
    "redis": "redis-server",
    "chroma": "chroma run",
    "worker": "time.sleep(600)",
    "service": "-m service",
}


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    started = Launcher(tmp_path / "data", parts.free_port())
    yield started
    if started.process.poll() is None:
        started.process.terminate()
        started.process.wait(timeout=60)
    started.process.communicate()


@pytest.mark.faults
@pytest.mark.slow
def test_starts_restarts_refuses_and_stops(launcher: Launcher) -> None:
    assert launcher.hear("up")["url"] == launcher.url
    running = launcher.parts()
    assert set(running) == set(SIGNS)
    assert httpx.get(f"{launcher.url}/healthz", trust_env=False).is_success

    second = subprocess.run(
        [sys.executable, "-m", "service.cli", "up"],
        cwd=ROOT,
        env={**launcher.environment, "LECTERN_PORT": str(parts.free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert f"already running on this data folder: pid {launcher.process.pid}" in second.stderr
    assert launcher.url in second.stderr

    for part in ("service", "chroma", "redis", "worker"):
        running[part].kill()
        assert launcher.hear("died", part)["how"] == "signal 9"
        assert launcher.hear("started", part)
    assert httpx.get(f"{launcher.url}/healthz", trust_env=False).is_success

    running = launcher.parts()
    launcher.process.send_signal(signal.SIGTERM)
    stopped = [launcher.hear("stopping")["part"] for _ in SIGNS]
    assert stopped == ["service", "worker", "chroma", "redis"]
    assert launcher.process.wait(timeout=60) == 0
    assert not any(process.is_running() for process in running.values())


@pytest.mark.faults
@pytest.mark.slow
def test_a_killed_launcher_leaves_no_orphans_and_can_start_again(launcher: Launcher) -> None:
    launcher.hear("up")
    running = launcher.parts()
    launcher.process.kill()
    launcher.process.communicate()
    launcher.process = launcher.begin()
    launcher.hear("up")
    deadline = time.monotonic() + 20
    while any(one.is_running() for one in running.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(one.is_running() for one in running.values())


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = lectern("up", LECTERN_DATA=str(tmp_path), LECTERN_PORT=str(port))
    assert told.returncode == 1
    assert told.stderr == (
        f"error: Port {port} on 127.0.0.1 is in use; free it, or set LECTERN_PORT to another."
        " (port_busy)\n"
    )


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    told = lectern("up", LECTERN_DATA=str(tmp_path), LECTERN_MODEL="/nowhere/model.gguf")
    assert told.returncode == 1
    assert told.stderr.startswith("error: there is no model file at /nowhere/model.gguf; set")
    assert told.stderr.count("\n") == 1


def test_the_launcher_runs_from_anywhere(tmp_path: Path) -> None:
    link = tmp_path / "lectern"
    link.symlink_to(ROOT / "lectern")
    told = subprocess.run(
        [str(link), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "COMMAND" in told.stdout or "make -C" in told.stderr


def lectern(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
