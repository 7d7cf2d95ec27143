"""The supervisor with real processes: small ones here, Redis and Chroma where it matters."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer

import psutil
import pytest

from ingest.vectors import Entry, VectorIndex
from service.cli import parts
from service.cli.errors import AlreadyRunning, PartFailed, PortBusy
from service.cli.lock import DataLock, running
from service.cli.logs import LARGEST_BYTES, open_log
from service.cli.supervisor import Part, Supervisor
from service.cli.up import require_port


class Notes:
    """A report that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def starting(self, part: str) -> None:
        self.said.append(("starting", part))

    def started(self, part: str, seconds: float) -> None:
        self.said.append(("started", part))

    def died(self, part: str, how: str, retry_s: float) -> None:
        self.said.append(("died", f"{part} {how}"))

    def stopping(self, part: str) -> None:
        self.said.append(("stopping", part))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def supervisor(tmp_path: Path, notes: Notes) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs", notes)
    yield made
    made.stop()


def sleeper(name: str, code: str = "", **options: float) -> Part:
    """A part that runs `code` and then sleeps; it is ready at once."""
    script = f"import time, signal\n{code}\ntime.sleep(600)"
    return Part(name, [sys.executable, "-c", script], ready=lambda _: True, **options)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def eventually(true: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_stops_in_reverse_order_and_leaves_nothing(supervisor: Supervisor, notes: Notes) -> None:
    before = set(children())
    supervisor.start(sleeper("first"))
    supervisor.start(sleeper("second", "import subprocess; subprocess.Popen(['sleep', '600'])\n"))
    assert eventually(lambda: len(set(children()) - before) == 3)
    supervisor.stop()
    assert [part for what, part in notes.said if what == "stopping"] == ["second", "first"]
    assert set(children()) <= before


def test_kills_what_ignores_sigterm(tmp_path: Path, supervisor: Supervisor) -> None:
    armed = tmp_path / "armed"
    stubborn = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(armed)!r}, 'w').close()"
    before = set(children())
    part = sleeper("stubborn", stubborn, grace_s=0.3)
    supervisor.start(part)
    assert eventually(armed.exists)
    began = time.monotonic()
    supervisor.stop()
    assert 0.2 < time.monotonic() - began < 5
    assert set(children()) <= before


def test_restarts_what_dies(supervisor: Supervisor, notes: Notes) -> None:
    supervisor.start(sleeper("mortal"))
    victim = children()[-1].pid
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 8
    while notes.said.count(("started", "mortal")) < 2 and time.monotonic() < deadline:
        for keeper in supervisor._keepers:
            supervisor._look_after(keeper)
        time.sleep(0.02)
    assert ("died", "mortal signal 9") in notes.said
    assert notes.said.count(("started", "mortal")) == 2


def test_backs_off(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.launch(sleeper("again"))
    keeper = supervisor._keepers[0]
    assert [keeper.plan_restart() for _ in range(8)] == [0.5, 1, 2, 4, 8, 15, 30, 30]
    keeper.retry_at = None


def test_says_why_a_part_did_not_start(supervisor: Supervisor) -> None:
    code = "import sys; sys.exit('there is no such model')"
    with pytest.raises(PartFailed, match="there is no such model") as caught:
        supervisor.start(Part("worker", [sys.executable, "-c", code], ready=lambda _: False))
    assert caught.value.code == "part_failed"


def test_gives_up_on_a_part_that_never_answers(supervisor: Supervisor) -> None:
    silent = Part(
        "silent", [sys.executable, "-c", "import time; time.sleep(60)"], lambda _: False, {}, 0.3
    )
    with pytest.raises(PartFailed, match=r"no answer after 0 s"):
        supervisor.start(silent)


def test_leash_ends_children_of_a_killed_starter(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    child = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    script = f"""
import sys, time
from pathlib import Path
from service.cli.supervisor import Part, Supervisor
class Quiet:
    def __getattr__(self, name): return lambda *given: None
supervisor = Supervisor(Path({str(tmp_path)!r}), Quiet())
command = [sys.executable, "-c", {child!r}]
supervisor.start(Part("child", command, lambda _: Path({str(noted)!r}).exists()))
time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", script])
    try:
        assert eventually(lambda: noted.exists() and _number(noted) > 0)
        running_child = psutil.Process(_number(noted))
        starter.kill()
        assert eventually(
            lambda: not running_child.is_running() or running_child.status() == "zombie"
        )
    finally:
        starter.kill()
        starter.wait()


def _number(path: Path) -> int:
    return int(path.read_text() or 0)


def test_one_lectern_per_data_folder(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    first = DataLock(tmp_path, "http://127.0.0.1:8000")
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}, http://127.0.0.1:8000"):
        DataLock(tmp_path, "http://127.0.0.1:9000")
    assert running(tmp_path) == {"pid": os.getpid(), "address": "http://127.0.0.1:8000"}
    first.release()
    DataLock(tmp_path, "http://127.0.0.1:9000").release()
    assert running(tmp_path) is None


def test_waits_for_parts_of_a_killed_launcher(tmp_path: Path) -> None:
    """The lock lives on in a part; a new start waits for it to end instead of joining in."""
    hold = f"""
import json, subprocess, sys
from pathlib import Path
from service.cli.lock import DataLock
lock = DataLock(Path({str(tmp_path)!r}), "http://old")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"],
                 pass_fds=[lock.descriptor], start_new_session=True)
"""
    subprocess.run([sys.executable, "-c", hold], check=True)
    began = time.monotonic()
    DataLock(tmp_path, "http://new").release()
    assert time.monotonic() - began > 0.5


def test_names_a_busy_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy) as caught:
            require_port("127.0.0.1", port)
    assert str(caught.value) == (
        f"Port {port} on 127.0.0.1 is in use; free it, or set LECTERN_PORT to another."
    )


def test_logs_turn_over_at_a_start(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * (LARGEST_BYTES + 1))
    open_log(log).close()
    assert log.stat().st_size == 0
    assert (tmp_path / "part.log.1").stat().st_size == LARGEST_BYTES + 1
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.faults(10)
def test_a_chroma_that_can_not_write_is_started_anew(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when its disk was full: one of its connections sits on a transaction for ever.

    Here it is a connection of ours, because its own does so only now and then.
    """
    monkeypatch.setattr("ingest.vectors.SILENCE_SECONDS", 1.0)
    monkeypatch.setattr("service.cli.supervisor.EXAMINED_EVERY_S", 0.2)
    monkeypatch.setattr("service.cli.supervisor.UNSOUND_FOR_S", 0.5)
    part = parts.chroma(parts.free_port(), tmp_path)
    supervisor.start(part)
    index = VectorIndex(f"http://127.0.0.1:{part.command[-2].partition('=')[2]}")
    entries = [Entry(f"chunk{place}", "version", "document", 1, [1.0, 0.5]) for place in range(14)]
    index.add("kept", entries)
    process = supervisor._keepers[0]._process
    assert process is not None
    (file,) = tmp_path.rglob("chroma.sqlite3")
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as held:
        held.execute("BEGIN IMMEDIATE")
        assert not part.sound()
        Timer(4, lambda: held.execute("ROLLBACK")).start()
        Timer(8, supervisor.stopping.set).start()
        supervisor.watch()
    assert process.poll() is not None
    assert part.sound()
    index.add("more", entries)
    assert (index.count("kept"), index.count("more")) == (14, 14)


@pytest.mark.faults
def test_redis_and_chroma_come_back_with_their_data(
    tmp_path: Path, supervisor: Supervisor, notes: Notes
) -> None:
    place = parts.new_redis_place(tmp_path)
    try:
        supervisor.start(parts.redis(place, tmp_path))
        supervisor.start(parts.chroma(parts.free_port(), tmp_path))
        assert place.folder.stat().st_mode & 0o777 == 0o700
        shown = [word for process in children() for word in process.cmdline()]
        assert all(place.password not in word for word in shown)
        assert _redis(place, "SET kept yes").endswith("+OK\r\n")
        time.sleep(1.2)  # appendfsync everysec
        for keeper in list(supervisor._keepers):
            keeper.signal(signal.SIGKILL)
        deadline = time.monotonic() + 30
        back = [("started", "redis"), ("started", "chroma")]
        while not all(notes.said.count(one) == 2 for one in back) and time.monotonic() < deadline:
            for keeper in supervisor._keepers:
                supervisor._look_after(keeper)
            time.sleep(0.05)
        assert all(notes.said.count(one) == 2 for one in back)
        assert _redis(place, "GET kept").endswith("yes\r\n")
    finally:
        supervisor.stop()
        place.remove()
    assert not place.folder.exists()


def _redis(place: parts.RedisPlace, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(str(place.socket))
        link.sendall(f"AUTH {place.password}\r\n{command}\r\n".encode())
        time.sleep(0.2)
        return link.recv(4096).decode()
