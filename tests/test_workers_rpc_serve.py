"""Lending a host: where it listens and where it refuses to, what it offers, how it ends."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fleet import ROOT, free_port
from lenders import Lender

from service.cli import arguments as words
from service.cli import rpc_serve as front
from workers import rpc_serve
from workers.engine import hosts
from workers.engine.hosts import Endpoint, greet
from workers.errors import RpcAddressRefused, RpcAddressUnusable, RpcHostAway


def test_public_addresses_are_refused() -> None:
    assert rpc_serve.allowed("127.0.0.1", anyone=False) == "127.0.0.1"
    assert rpc_serve.allowed("localhost", anyone=False) == "127.0.0.1"
    for public in ("0.0.0.0", "203.0.113.9", "100.64.0.1"):
        with pytest.raises(RpcAddressRefused, match="--open-to-anyone") as caught:
            rpc_serve.allowed(public, anyone=False)
        assert caught.value.code == "rpc_address_refused"
        assert rpc_serve.allowed(public, anyone=True) == public
    with pytest.raises(RpcAddressUnusable):
        rpc_serve.allowed("no-such-host.invalid", anyone=True)


@pytest.mark.model
def test_a_host_lends_what_it_says_and_ends_when_asked(tmp_path: Path) -> None:
    lender = Lender("127.0.0.1", tmp_path)
    told = lender.start("--memory-mb", "100", "--cache")["serving"]
    assert told["version"] == ".".join(map(str, hosts.PROTOCOL))
    assert (told["free"], told["threads"], told["cache_bytes"]) == (100 << 20, 1, 0)
    assert told["cache"] == str(tmp_path / "rpc")
    warned = lender.told()["warning"]
    assert str(lender) in warned
    assert "no password and no encryption" in warned
    found = greet(Endpoint(lender.address, lender.port))
    assert [(each.free, each.total) for each in found.devices] == [(100 << 20, 100 << 20)]
    other = Lender("127.0.0.1", tmp_path)
    other.port = lender.port
    assert other.start()["error"]["code"] == "rpc_address_unusable"
    assert lender.stop() == 0


@pytest.mark.model
def test_clients_that_wait_are_let_in_when_the_one_before_them_has_gone(tmp_path: Path) -> None:
    lender = Lender("127.0.0.1", tmp_path)
    lender.start()
    place = Endpoint(lender.address, lender.port)
    with socket.create_connection((place.host, place.port)) as holding:
        hosts._hello(holding)
        waiting = [socket.create_connection((place.host, place.port), 2) for _ in range(5)]
    for each in waiting:
        each.close()
    assert greet(place).free
    lender.kill()
    with pytest.raises(RpcHostAway):
        greet(place)


def test_the_warning_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    stopping = threading.Event()
    made = SimpleNamespace(alive=True, clients=0, endpoint=Endpoint("10.0.0.2", 50052))

    def tell(line: dict[str, object]) -> None:
        told.append(line)
        if len(told) == 3:
            stopping.set()

    monkeypatch.setattr(rpc_serve, "REMIND_SECONDS", 0.01)
    monkeypatch.setattr(rpc_serve, "LOOK_SECONDS", 0.02)
    rpc_serve._stay(made, None, stopping, tell)
    assert [list(line) for line in told] == [["warning"]] * 3


def test_words_for_people() -> None:
    about = {"address": "10.0.0.2:50052", "version": "7.0.0", "threads": 8, "free": 64e9}
    kept = {"cache": "/data/rpc", "cache_bytes": 12e9}
    assert rpc_serve._words({"serving": about}) == (
        "10.0.0.2:50052 lends 64.0 GB and 8 threads (RPC 7.0.0)"
    )
    assert rpc_serve._words({"serving": about | kept}).endswith("12.0 GB kept in /data/rpc")
    assert rpc_serve._words({"clients": 0}) == "nobody is connected"
    assert rpc_serve._words({"warning": "Look."}) == "WARNING: Look."
    assert "gone (odd)" in rpc_serve._words({"error": {"code": "odd", "message": "gone"}})


def test_the_command_passes_its_words_on() -> None:
    given = words.parse(["rpc-serve", "--host", "10.0.0.2", "--cache", "--threads", "3", "--json"])
    told = front.command(given)
    assert told[-10:] == [
        "--host", "10.0.0.2", "--port", "50052", "--threads", "3",
        "--memory-mb", "0", "--cache", "--json",
    ]  # fmt: skip
    assert words.parse(["rpc-serve"]).host == "127.0.0.1"
    assert words.parse(["rpc-serve"]).port == hosts.PORT


def test_the_command_refuses_and_says_why() -> None:
    told = run("--host", "203.0.113.9", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["error"]["code"] == "rpc_address_refused"


def run(*said: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service.cli", "rpc-serve", *said]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.model
def test_a_server_that_was_brought_down_is_started_again(data_folder: Path) -> None:
    port = free_port()
    place = Endpoint("127.0.0.1", port)
    command = [sys.executable, "-m", "service.cli", "rpc-serve", "--port", str(port), "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert "serving" in json.loads(process.stdout.readline())
        provoke(place)
        lines = (json.loads(line) for line in process.stdout)
        assert next(line for line in lines if "serving" in line)
        assert greet(place).free
        process.send_signal(signal.SIGTERM)
        assert "stopped" in list(lines)[-1]
        assert process.wait(20) == 0


def provoke(place: Endpoint) -> None:
    """End a server by a message that its library answers with an assertion."""
    tensor = bytearray(296)
    with socket.create_connection((place.host, place.port)) as link:
        hosts._hello(link)
        buffer = hosts._ask(link, 0, (0).to_bytes(4, "little") + (64).to_bytes(8, "little"), 16)
        tensor[12:20] = buffer[:8]  # a tensor in that buffer, whose data lies outside of it
        tensor[20:36] = (1).to_bytes(4, "little") * 4
        link.sendall(bytes([6]) + (313).to_bytes(8, "little") + bytes(tensor) + bytes(17))
        deadline = time.monotonic() + 10
        while link.recv(1):
            assert time.monotonic() < deadline
