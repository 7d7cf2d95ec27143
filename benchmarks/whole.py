"""All of Lectern by `./lectern up`, on a data folder and a port of its own, for what is measured at
its interface.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
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
#: The first start reads and summarises samples, which would go on beside what is measured.
OURS = {"LECTERN_SAMPLES": "off"}

Made = dict[str, Any]


@contextmanager
def running(data: Path, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """A client of it, once it is up, without the samples. Raises PeerMissing."""
    port = free_port()
    mine = {**OURS, "LECTERN_DATA": str(data), "LECTERN_PORT": str(port), **environment}
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
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def made(client: httpx.Client, path: str, wanted: Mapping[str, Any]) -> Made:
    """What came of a wish."""
    answer = client.post(path, json=wanted)
    answer.raise_for_status()
    return dict(answer.json())


def told(client: httpx.Client, path: str) -> Made:
    """What the service says of something."""
    answer = client.get(path)
    answer.raise_for_status()
    return dict(answer.json())


def uploaded(client: httpx.Client, collection: str, files: Mapping[str, bytes]) -> Made:
    """The documents of some files, by their names, and the jobs that read them."""
    named = [("files", item) for item in files.items()]
    answer = client.post(f"/v1/collections/{collection}/documents", files=named)
    answer.raise_for_status()
    return dict(answer.json())


def added(client: httpx.Client, name: str, files: Mapping[str, bytes]) -> list[Made]:
    """The documents of a new collection, once they have been read."""
    collection = made(client, "/v1/collections", {"name": name})["id"]
    found = uploaded(client, collection, files)
    for job in found["jobs"]:
        succeeded(client, job["id"])
    return list(found["documents"])


def succeeded(client: httpx.Client, job: str) -> Made:
    """The job once it has ended. Raises PeerMissing when it did not succeed."""
    while True:
        now = told(client, f"/v1/jobs/{job}")
        if now["status"] in {"failed", "cancelled"}:
            raise PeerMissing(f"job {job} {now['status']}: {now['error']}")
        if now["status"] == "succeeded":
            return now
        time.sleep(POLL_SECONDS)


def _await_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PeerMissing(f"./lectern up ended: {log.read_text()[-300:]}")
        if "Lectern is up" in log.read_text():
            return
        time.sleep(POLL_SECONDS)
    raise PeerMissing(f"./lectern up was not ready within {START_SECONDS:.0f} s")
