"""Hosts that lend their memory and cores to a model: who they are, and whether they can be used.

Spoken to in the protocol of llama.cpp's RPC backend (ggml/src/ggml-rpc/ggml-rpc.cpp), but without
its library, which ends the process when a server is away or of another version. A request is a
command (1 byte), its size (8 bytes) and its data; an answer is a size and data; little-endian.
"""

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass

from workers.errors import (
    RpcHostAway,
    RpcHostBusy,
    RpcHostForeign,
    RpcServersUnusable,
)

#: Of the installed library. Majors and minors differ in messages, patches in what operations are
#: called: the library lets another patch pass, and would compute something else.
PROTOCOL = (7, 0, 0)
PORT = 50_052
MOST_HOSTS = 16  #: GGML_RPC_MAX_SERVERS
HELLO, DEVICE_COUNT, DEVICE_MEMORY = 14, 15, 11
CAPABILITIES = bytes(24)  #: none but TCP
HELLO_BYTES = 4 + len(CAPABILITIES)
SECONDS = 5.0
#: Networks that are nobody else's: RFC 1918, loopback and link-local. The backend knows IPv4 only.
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
    )
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a host listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Lent:
    """What a device of a host offers, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a host says of itself."""

    endpoint: Endpoint
    version: str
    devices: tuple[Lent, ...]
    seconds: float  #: a question and its answer

    @property
    def free(self) -> int:
        """Bytes of all its devices."""
        return sum(device.free for device in self.devices)


@dataclass(frozen=True, slots=True)
class Share:
    """What stands on one device of a host."""

    endpoint: Endpoint
    device: int
    layers: int
    bytes: int  #: weights, KV and compute buffers
    free: int


def endpoints(told: str) -> tuple[Endpoint, ...]:
    """What LECTERN_RPC_SERVERS names, in its order. Raises RpcServersUnusable."""
    found = tuple(_endpoint(part.strip()) for part in told.split(",") if part.strip())
    if len(found) > MOST_HOSTS:
        raise RpcServersUnusable(reason=f"it names more than {MOST_HOSTS}")
    if len(set(found)) < len(found):
        raise RpcServersUnusable(reason="it names one twice")
    return found


def _endpoint(word: str) -> Endpoint:
    host, _, port = word.partition(":")
    if ":" in port or word.startswith("["):
        raise RpcServersUnusable(reason=f"{word} is no IPv4 address and port")
    if not host or (port and not port.isdigit()) or not 0 < int(port or PORT) < 1 << 16:
        raise RpcServersUnusable(reason=f"{word} is not host:port")
    return Endpoint(host, int(port or PORT))


def private(address: str) -> bool:
    """Whether an IPv4 address is of a network that is nobody else's."""
    return any(ipaddress.IPv4Address(address) in network for network in PRIVATE)


def private_name(host: str) -> bool:
    """Whether a host's name or address leads to such a network; unknown names lead nowhere."""
    try:
        return private(socket.gethostbyname(host))
    except OSError:
        return True


def greet(endpoint: Endpoint, seconds: float = SECONDS) -> Greeting:
    """Ask a host for its version and what it offers.

    Raises RpcHostAway, RpcHostBusy when it serves somebody else (it serves one at a time), and
    RpcHostForeign.
    """
    try:
        link = socket.create_connection((_address(endpoint), endpoint.port), seconds)
    except OSError as error:
        raise RpcHostAway(host=endpoint, reason=_reason(error)) from error
    with link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            version = _hello(link)
        except TimeoutError as error:
            raise RpcHostBusy(host=endpoint) from error
        except (OSError, struct.error) as error:
            raise RpcHostForeign(host=endpoint, reason="it does not speak this protocol") from error
        if version != PROTOCOL:
            raise RpcHostForeign(
                host=endpoint,
                reason=f"it speaks version {_dotted(version)}, not {_dotted(PROTOCOL)}",
            )
        return _examined(link, endpoint)


def _examined(link: socket.socket, endpoint: Endpoint) -> Greeting:
    try:
        began = time.perf_counter()
        (count,) = struct.unpack("<I", _ask(link, DEVICE_COUNT, b"", 4))
        took = time.perf_counter() - began
        devices = tuple(
            Lent(*struct.unpack("<QQ", _ask(link, DEVICE_MEMORY, struct.pack("<I", each), 16)))
            for each in range(count)
        )
    except OSError as error:
        raise RpcHostAway(host=endpoint, reason=_reason(error)) from error
    return Greeting(endpoint, _dotted(PROTOCOL), devices, took)


def _address(endpoint: Endpoint) -> str:
    """IPv4, as the library itself would find it."""
    return socket.gethostbyname(endpoint.host)


def _hello(link: socket.socket) -> tuple[int, ...]:
    return tuple(_ask(link, HELLO, CAPABILITIES, HELLO_BYTES)[:3])


def _ask(link: socket.socket, command: int, data: bytes, wanted: int) -> bytes:
    link.sendall(struct.pack("<BQ", command, len(data)) + data)
    (size,) = struct.unpack("<Q", _read(link, 8))
    if size != wanted:
        raise ConnectionError(f"an answer of {size} bytes")
    return _read(link, wanted)


def _read(link: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            raise ConnectionError("it hung up")
        parts += part
    return bytes(parts)


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
