"""Peers that are servers: llama-server in several settings, and llama-cpp-python's own.

Each runs on a free port of the loopback, with its log in a file; nothing is kept after `close`.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import environment
from benchmarks.errors import PeerMissing
from benchmarks.peer import Turn

#: Ends a server with us, however we end.
LEASH = Path(__file__).resolve().parents[1] / "service" / "cli" / "leash.py"
PATIENCE = 1_800.0
START_SECONDS = 120.0
#: End-of-generation tokens of the default model, for servers that can't be told to ignore them.
END_TOKENS = (0, 2, 4)


@dataclass(frozen=True, slots=True)
class Setting:
    """How llama-server is started."""

    slots: int
    unified: bool = False
    flash: bool = False
    extra: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As one would type it."""
        layout = "-kvu" if self.unified else "-no-kvu"
        shown = f"-np {self.slots} {layout} -fa {'on' if self.flash else 'off'}"
        return " ".join([shown, *self.extra])

    def options(self, slot_tokens: int, threads: int) -> list[str]:
        """The command line's."""
        many = str(threads)
        context = str(self.slots * slot_tokens)
        words = ["-c", context, "-t", many, "-tb", many, *self.name.split()]
        return [*words, "--no-webui", "--offline", "--log-disable"]


class Server:
    """A process that speaks OpenAI's chat completions on a port of the loopback."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, extra: dict[str, Any], ready: str
    ) -> None:
        """Start it and wait until it answers at the path `ready`. Raises PeerMissing if not."""
        self.name, self._ready = name, ready
        self._port, self._extra = port, extra
        # Not closed here: the process writes to it as long as it lives.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - see above
        self._process = subprocess.Popen(
            [sys.executable, str(LEASH), str(os.getpid()), *command],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment.plain(),
        )
        try:
            self._await()
        except PeerMissing:
            self.close()
            raise

    def chat(
        self,
        turns: Sequence[Turn],
        max_tokens: int,
        *,
        background: bool = False,  # noqa: ARG002 - it has no lanes
    ) -> Iterator[str]:
        """See Peer."""
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        asked = {"messages": messages, "max_tokens": max_tokens, "temperature": 0, "stream": True}
        with self._posted("/v1/chat/completions", {**asked, **self._extra}) as answer:
            yield from _pieces(answer)

    def slot(self, action: str, file: str) -> None:
        """`save` or `restore` the KV of the first slot; needs `--slot-save-path`."""
        with self._posted(f"/slots/0?action={action}", {"filename": file}):
            pass

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def cpu_seconds(self) -> float:
        """See Peer."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """See Peer."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    @contextmanager
    def _posted(self, path: str, body: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            kind = {"content-type": "application/json"}
            connection.request("POST", path, json.dumps(body), kind)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{self.name} answered {answer.status}: {answer.read()!r}")
            yield answer
        finally:
            connection.close()

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise PeerMissing(f"{self.name} ended at its start: {self._said()}")
            if self._answers():
                return
            time.sleep(0.1)
        raise PeerMissing(f"{self.name} did not answer within {START_SECONDS:.0f} s")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", self._ready)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-300:]


def llama_server(
    program: Path, model: Path, setting: Setting, *, slot_tokens: int, threads: int
) -> Server:
    """llama-server in one setting; `slot_tokens` is the context of each slot."""
    port = free_port()
    place = ["-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command = [str(program), *place, *setting.options(slot_tokens, threads)]
    extra = {"ignore_eos": True}
    return Server(f"llama-server {setting.name}", command, port, extra, "/health")


def python_server(model: Path, *, context: int, threads: int) -> Server:
    """llama-cpp-python's own server: one request at a time."""
    port = free_port()
    options = {
        "model": model,
        "host": "127.0.0.1",
        "port": port,
        "n_ctx": context,
        "n_threads": threads,
        "n_threads_batch": threads,
        "verbose": False,
        "interrupt_requests": False,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    bias = {str(token): -100.0 for token in END_TOKENS}
    command = [sys.executable, "-m", "llama_cpp.server", *words]
    extra = {"logit_bias": bias, "logit_bias_type": "input_ids"}
    return Server("llama_cpp.server", command, port, extra, "/v1/models")


def _pieces(answer: Iterable[bytes]) -> Iterator[str]:
    for line in answer:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        for choice in json.loads(line[6:]).get("choices", ()):
            text = choice["delta"].get("content")
            if text:
                yield text


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
