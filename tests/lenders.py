"""RPC hosts for tests: real processes, each in a network namespace where root may make some.

Otherwise they listen on addresses of the loopback. A namespace has one interface, whose other end
is here: what is said to such a host goes through two network stacks, and its cable can be pulled.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet import ROOT, free_port

PROGRAM = [sys.executable, "-m", "workers.rpc_serve", "--json", "--threads", "1"]


class Lender:
    """One host."""

    def __init__(self, address: str, data: Path, space: str = "") -> None:
        self.address, self.folder, self._space = address, data, space
        self.port = 50_052 if space else free_port()
        self.process: subprocess.Popen[str] | None = None

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    def start(self, *words: str) -> dict[str, Any]:
        """Serve; returns what it says first."""
        inside = ["ip", "netns", "exec", self._space] if self._space else []
        place = ["--host", self.address, "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*inside, *PROGRAM, *place, *words],
            cwd=ROOT,
            env={**os.environ, "LECTERN_DATA": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self.told()

    def told(self) -> dict[str, Any]:
        """The next line."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it ended"
        return dict(json.loads(line))

    def kill(self) -> None:
        """End it as a lost machine would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; returns its status."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def pull_cable(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        _ip("-n", self._space, "link", "set", "lan", "down")

    def plug_in(self) -> None:
        """The opposite."""
        _ip("-n", self._space, "link", "set", "lan", "up")

    @property
    def has_cable(self) -> bool:
        """Whether it stands in a namespace of its own."""
        return bool(self._space)


@contextmanager
def lenders(count: int, folder: Path) -> Iterator[list[Lender]]:
    """So many hosts that do not serve yet; all ended afterwards."""
    spaces = _spaces(count)
    made = [
        Lender(f"10.231.{number}.2", folder / f"host{number}", space)
        for number, space in enumerate(spaces)
    ] or [Lender(f"127.0.0.{2 + number}", folder / f"host{number}") for number in range(count)]
    try:
        yield made
    finally:
        for each in made:
            if each.process is not None and each.process.poll() is None:
                each.kill()
        for space in spaces:
            _ip("netns", "del", space)


def _spaces(count: int) -> list[str]:
    """Names of namespaces with a cable to here; none where that is not allowed."""
    names = [f"lectern-{os.getpid()}-{number}" for number in range(count)]
    made: list[str] = []
    if shutil.which("ip") is None or os.getuid():
        return []
    for number, name in enumerate(names):
        ours = f"lec{os.getpid() % 10_000}n{number}"
        if not _ip("netns", "add", name):
            break
        made.append(name)
        steps = (
            ("link", "add", ours, "type", "veth", "peer", "name", "lan", "netns", name),
            ("addr", "add", f"10.231.{number}.1/30", "dev", ours),
            ("link", "set", ours, "up"),
            ("-n", name, "addr", "add", f"10.231.{number}.2/30", "dev", "lan"),
            ("-n", name, "link", "set", "lan", "up"),
        )
        if not all(_ip(*words) for words in steps):
            break
    else:
        return made
    for name in made:
        _ip("netns", "del", name)
    return []


def _ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0
