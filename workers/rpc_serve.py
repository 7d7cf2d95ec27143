"""`python -m workers.rpc_serve [--json] …`: lends this host's memory and cores to a model.

With --json each line is an object: `{"serving": …}` at the start, `{"warning": …}` then and again
and again, `{"clients": …}` when somebody comes or goes, `{"error": …}` at the end.
"""

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from ingest.errors import LecternError
from ingest.settings import settings as ingest_settings
from workers.engine import hosts, library
from workers.engine.hosts import Endpoint
from workers.engine.serving import Server
from workers.engine.tensor_cache import TensorCache
from workers.engine.topology import usable_cores
from workers.errors import RpcAddressRefused, RpcAddressUnusable
from workers.settings import rpc_cache_folder

LOOK_SECONDS = 1.0
#: Nobody who reads the log is to forget it.
REMIND_SECONDS = 900.0
WARNING = (
    "{address} has no password and no encryption. Whoever reaches it can read what passes through "
    "it, among it what documents were turned into, and can make it run what he likes. Keep it on "
    "a network, or in a tunnel, that only the hosts of this model are in."
)

Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve until told to stop. Exits with 1, and says why, when it can't."""
    given = _arguments()
    tell = _teller(_json if given.json else _words)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        endpoint = Endpoint(allowed(given.host, anyone=given.open_to_anyone), given.port)
        library.check()
        library.quiet()
        serve(endpoint, given, tell)
    except LecternError as error:
        tell({"error": {"code": error.code, "message": str(error)}})
        sys.exit(1)


def allowed(host: str, *, anyone: bool) -> str:
    """The IPv4 address to listen on. Raises RpcAddressRefused or RpcAddressUnusable."""
    try:
        address = socket.gethostbyname(host)
    except OSError as error:
        reason = error.strerror or "it has no IPv4 address"
        raise RpcAddressUnusable(address=host, reason=reason) from error
    if not anyone and not hosts.private(address):
        raise RpcAddressRefused(address=address)
    return address


def serve(endpoint: Endpoint, given: argparse.Namespace, tell: Tell) -> None:
    """Begin, and stay until SIGTERM or SIGINT. Raises RpcAddressUnusable."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    cache = _cache(given.cache)
    threads = given.threads or usable_cores()
    folder = cache.folder if cache else None
    server = Server(endpoint, threads, folder, given.memory_mb << 20)
    server.start()
    about = {"address": str(endpoint), "version": ".".join(map(str, hosts.PROTOCOL))}
    offered = {"threads": threads, "free": server.free}
    kept = {"cache": str(cache.folder), "cache_bytes": cache.bytes} if cache else {}
    tell({"serving": about | offered | kept})
    _stay(server, cache, stopping, tell)
    if cache:
        cache.seal()
    if server.alive:
        tell({"stopped": str(endpoint)})
    os._exit(0 if server.alive else 1)  # the server's thread can't be asked to end


def _stay(server: Server, cache: TensorCache | None, stopping: threading.Event, tell: Tell) -> None:
    reminded, clients = -REMIND_SECONDS, 0
    while server.alive:
        if time.monotonic() - reminded >= REMIND_SECONDS:
            reminded = time.monotonic()
            tell({"warning": WARNING.format(address=server.endpoint)})
        if server.clients != clients:
            clients = server.clients
            tell({"clients": clients})
        if cache:
            cache.seal()
        if stopping.wait(LOOK_SECONDS):
            return


def _cache(wanted: bool) -> TensorCache | None:
    if not wanted:
        return None
    cache = TensorCache(rpc_cache_folder(ingest_settings().data).resolve())
    cache.sweep()
    return cache


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers.rpc_serve", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--host", default="127.0.0.1", help="address or name of this host")
    parser.add_argument("--port", type=int, default=hosts.PORT)
    parser.add_argument("--cache", action="store_true", help="keep weights on the disk")
    parser.add_argument("--threads", type=int, default=0, help="0: the physical cores")
    parser.add_argument("--memory-mb", type=int, default=0, help="offer no more; 0: what is free")
    parser.add_argument("--open-to-anyone", action="store_true", help="allow a public address")
    return parser.parse_args()


def _teller(form: Callable[[dict[str, Any]], str]) -> Tell:
    """Lines on standard output, which the library, that prints as well, no longer has."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda told: print(form(told), file=output, flush=True)


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told)


def _words(told: dict[str, Any]) -> str:
    if "error" in told:
        return f"error: {told['error']['message']} ({told['error']['code']})"
    if "warning" in told:
        return f"WARNING: {told['warning']}"
    if "clients" in told:
        return f"{told['clients']} connected" if told["clients"] else "nobody is connected"
    if "stopped" in told:
        return f"{told['stopped']} is closed"
    about = told["serving"]
    cache = ""
    if "cache" in about:
        cache = f", {about['cache_bytes'] / 1e9:.1f} GB kept in {about['cache']}"
    return (
        f"{about['address']} lends {about['free'] / 1e9:.1f} GB and {about['threads']} threads "
        f"(RPC {about['version']}){cache}"
    )


if __name__ == "__main__":
    main()
