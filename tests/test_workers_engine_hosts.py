"""RPC hosts: what names them, and whom a worker refuses before it trusts the library to them."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fleet import free_port

from workers.engine import hosts
from workers.engine.hosts import Endpoint, endpoints, greet
from workers.errors import RpcHostAway, RpcHostBusy, RpcHostForeign, RpcServersUnusable

MANY = [",".join(f"host{n}" for n in range(17))]


def test_hosts_are_named_with_or_without_a_port() -> None:
    assert endpoints("") == ()
    named = endpoints(" 10.0.0.2:50053, node-b ,")
    assert named == (Endpoint("10.0.0.2", 50053), Endpoint("node-b", hosts.PORT))
    assert str(named[0]) == "10.0.0.2:50053"


@pytest.mark.parametrize(
    "told",
    [":50052", "a:b", "a:0", "a:70000", "[fd00::1]:50052", "fd00::1", "a,a", *MANY],
)
def test_what_names_no_hosts_is_refused(told: str) -> None:
    with pytest.raises(RpcServersUnusable):
        endpoints(told)


@pytest.mark.parametrize("address", ["127.0.0.9", "10.1.2.3", "172.31.0.1", "192.168.9.9"])
def test_private_addresses(address: str) -> None:
    assert hosts.private(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "8.8.8.8", "172.32.0.1", "100.64.0.1", "192.0.2.1"])
def test_others_are_not(address: str) -> None:
    assert not hosts.private(address)


def test_a_host_where_nobody_listens_is_away() -> None:
    with pytest.raises(RpcHostAway, match="refused") as caught:
        greet(Endpoint("127.0.0.1", free_port()))
    assert caught.value.code == "rpc_host_away"
    with pytest.raises(RpcHostAway, match="no-such-host"):
        greet(Endpoint("no-such-host.invalid", 1))


def test_a_host_that_serves_somebody_is_busy() -> None:
    """It listens, so the kernel connects, but its one thread is elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(RpcHostBusy):
        greet(Endpoint(*listener.getsockname()), seconds=0.2)


@pytest.mark.parametrize(
    ("version", "told"), [((6, 0, 0), "6.0.0, not 7.0.0"), ((7, 0, 1), "7.0.1"), ((7, 1, 0), "7.1")]
)
def test_a_host_of_another_version_is_refused(version: tuple[int, ...], told: str) -> None:
    """A made server. The library itself would take 7.0.1, whose operations have other numbers."""
    answer = struct.pack("<QBBBB", hosts.HELLO_BYTES, *version, 0) + hosts.CAPABILITIES
    with made_server(answer) as endpoint, pytest.raises(RpcHostForeign, match=told):
        greet(endpoint)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", struct.pack("<Q", 4)])
def test_a_server_of_something_else_is_refused(answer: bytes) -> None:
    with made_server(answer) as endpoint, pytest.raises(RpcHostForeign, match="does not speak"):
        greet(endpoint)


@contextmanager
def made_server(answer: bytes) -> Iterator[Endpoint]:
    """Says one thing to the first who connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(33)
                link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Endpoint(*listener.getsockname())
        thread.join()
