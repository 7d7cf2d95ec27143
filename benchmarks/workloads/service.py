"""The summaries again through the whole service, as jobs: Lectern with its engine, and the same
Lectern with llama-server in the engine's place (LECTERN_LLM_URL).

Everything else is equal: parsing, embedding, jobs, prompts, checks. Lengths are not forced here,
so the two may write somewhat more or less.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.bench import Bench
from benchmarks.errors import PeerMissing
from benchmarks.figures import Row, Sample
from benchmarks.servers import Setting, free_port
from benchmarks.workloads.pipeline import DOCUMENTS, Size, made

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "lectern"
SETTINGS = (Setting(8, flash=False), Setting(8, flash=True))
START_SECONDS = 300.0
POLL_SECONDS = 0.5
TARGET = 1.3


def run(bench: Bench) -> Iterator[Row]:
    """Seconds from the first job until the last has ended."""
    size = Size(1_000, 0, 0)
    documents = made(bench, "service", DOCUMENTS, size)
    theirs = {}
    for setting in SETTINGS:
        with bench.server(setting) as server:
            asked = {"LECTERN_LLM_URL": f"{server.url}/v1", "LECTERN_LLM_MODEL": "any"}
            theirs[setting.name] = _summarised(documents, asked)
        bench.tell(f"service on {server.name}: {theirs[setting.name]:.4g} s")
    ours = Sample((_summarised(documents, {}),))
    bench.tell(f"service on its engine: {ours}")
    name = min(theirs, key=lambda one: theirs[one])
    tried = ", ".join(f"{one}: {seconds:.4g} s" for one, seconds in theirs.items())
    yield Row(
        "summaries_service",
        theirs[name] / ours.middle,
        TARGET,
        "higher",
        f"the same service on llama-server {name}",
        f"{DOCUMENTS} documents of 4–6 × {size.section} tokens as jobs; Lectern {ours}; server"
        f" {tried}; lengths not forced",
    )


def _summarised(documents: list[list[str]], environment: Mapping[str, str]) -> float:
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder), environment) as client:
        files = [
            ("files", (f"document-{number}.md", _markdown(sections)))
            for number, sections in enumerate(documents)
        ]
        collection = _made(client, "/v1/collections", {"name": "Benchmarks"})["id"]
        uploaded = client.post(f"/v1/collections/{collection}/documents", files=files)
        uploaded.raise_for_status()
        for job in uploaded.json()["jobs"]:
            _await(client, job["id"])
        began = time.monotonic()
        jobs = [
            _made(client, "/v1/jobs", {"kind": "summary", "document_id": one["id"]})["id"]
            for one in uploaded.json()["documents"]
        ]
        for job in jobs:
            _await(client, str(job))
        return time.monotonic() - began


def _markdown(sections: list[str]) -> bytes:
    parts = [f"# Part {number}\n\n{text}" for number, text in enumerate(sections, 1)]
    return "\n\n".join(parts).encode()


@contextmanager
def _service(data: Path, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """All of Lectern by `./lectern up`, on a data folder and a port of its own."""
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
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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


def _made(client: httpx.Client, path: str, wanted: Mapping[str, str]) -> dict[str, str]:
    answer = client.post(path, json=wanted)
    answer.raise_for_status()
    return dict(answer.json())


def _await(client: httpx.Client, job: str) -> None:
    while True:
        status = client.get(f"/v1/jobs/{job}").json()["status"]
        if status in {"failed", "cancelled"}:
            raise PeerMissing(f"job {job} {status}")
        if status == "succeeded":
            return
        time.sleep(POLL_SECONDS)
