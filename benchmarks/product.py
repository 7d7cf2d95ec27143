"""All of Lectern as a user has it: `./lectern up` on a data folder and a port of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.errors import PeerMissing
from benchmarks.servers import free_port

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT / "lectern"
START_SECONDS = 300.0
POLL_SECONDS = 0.5
LEAVE_SECONDS = 60.0
Record = dict[str, Any]


@contextmanager
def product(data: Path, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """A client of a Lectern that lives as long as the context. Raises PeerMissing."""
    port = free_port()
    mine = {"LECTERN_DATA": str(data), "LECTERN_PORT": str(port), **environment}
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [LAUNCHER, "up"],
            env={**os.environ, **mine},
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
            _await_ready(process, data / "up.log")
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def added(client: httpx.Client, name: str, files: Sequence[tuple[str, bytes]]) -> list[Record]:
    """The documents of a new collection, once they have been read."""
    collection = asked(client, "/v1/collections", {"name": name})["id"]
    parts = [("files", file) for file in files]
    uploaded = client.post(f"/v1/collections/{collection}/documents", files=parts)
    uploaded.raise_for_status()
    for job in uploaded.json()["jobs"]:
        ended(client, job["id"])
    return list(uploaded.json()["documents"])


def asked(client: httpx.Client, path: str, wanted: Mapping[str, Any]) -> Record:
    """What the service answers to a wish."""
    answer = client.post(path, json=wanted)
    answer.raise_for_status()
    return dict(answer.json())


def ended(client: httpx.Client, job: str) -> Record:
    """The job once it has succeeded. Raises PeerMissing when it does not."""
    while True:
        found = client.get(f"/v1/jobs/{job}").json()
        if found["status"] in {"failed", "cancelled"}:
            raise PeerMissing(f"job {job} {found['status']}: {found['error']}")
        if found["status"] == "succeeded":
            return dict(found)
        time.sleep(POLL_SECONDS)


def _await_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Up, and done with the samples that the first start reads and summarises."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PeerMissing(f"./lectern up ended: {log.read_text()[-300:]}")
        if "Lectern is up" in log.read_text():
            return
        time.sleep(POLL_SECONDS)
    raise PeerMissing(f"./lectern up was not ready within {START_SECONDS:.0f} s")
