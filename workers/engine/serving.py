"""This host as an RPC host: llama.cpp's server in a thread of this process, with a truer word.

The server serves one client after the other and never ends; it ends with the process. It says that
all of the machine's memory is free ("ill-defined", ggml-cpu.cpp), which is of no use to whoever
wants to know what fits. So the function it asks is replaced by one of ours.
"""

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from workers.engine import ggml, memory
from workers.engine.hosts import Endpoint
from workers.engine.links import keep_alive, sockets
from workers.errors import RpcAddressUnusable

#: Clients that may wait until the one before them has gone: the library allows one.
WAITING = 64
START_SECONDS = 10.0


class Server:
    """The server. There is one in a process."""

    def __init__(self, endpoint: Endpoint, threads: int, cache: Path | None, limit: int) -> None:
        """`endpoint`: an address of this host; `limit`: bytes to offer at most, 0 for all."""
        self.endpoint, self._threads = endpoint, threads
        self._cache = os.fsencode(cache) if cache else None
        self._device = ggml.function("ggml_backend_dev_by_type")(ggml.CPU)
        self._offer = ggml.MEMORY(_offer(limit))  # kept: the library only borrows it
        place = ctypes.cast(self._device, ctypes.POINTER(ctypes.c_void_p))
        place[ggml.MEMORY_PLACE] = ctypes.cast(self._offer, ctypes.c_void_p).value
        self._thread = threading.Thread(target=self._serve, name="rpc", daemon=True)
        self._ended = threading.Event()

    @property
    def free(self) -> int:
        """Bytes offered at this moment."""
        return ggml.memory(self._device)[0]

    @property
    def clients(self) -> int:
        """Connections, of which one is served."""
        return sum(1 for each in self._own() if not _listens(each))

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return not self._ended.is_set()

    def start(self) -> None:
        """Begin to serve. Raises RpcAddressUnusable."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.endpoint.host, self.endpoint.port))
            except OSError as error:
                raise RpcAddressUnusable(address=self.endpoint, reason=error.strerror) from error
        self._thread.start()
        for _ in range(round(START_SECONDS / 0.02)):
            if self._ended.wait(0.02) or self._opened():
                break
        if not self.alive:
            raise RpcAddressUnusable(address=self.endpoint, reason="the server ended at once")

    def _serve(self) -> None:
        devices = (ctypes.c_void_p * 1)(self._device)
        serve = ggml.function("ggml_backend_rpc_start_server")
        serve(str(self.endpoint).encode(), self._cache, self._threads, 1, devices)
        self._ended.set()

    def _opened(self) -> bool:
        """Once it listens: let more clients wait, and notice those whose host is gone."""
        for each in self._own():
            if _listens(each):
                each.listen(WAITING)
                keep_alive(each)  # Linux: what is accepted inherits it
                return True
        return False

    def _own(self) -> Iterator[socket.socket]:
        """Sockets of our endpoint, each closed after its turn."""
        for each in sockets():
            with each:
                if each.getsockname() == (self.endpoint.host, self.endpoint.port):
                    yield each


def _listens(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _offer(limit: int) -> Any:
    def offer(_device: Any, free: Any, total: Any) -> None:
        most = limit or psutil.virtual_memory().total
        free[0], total[0] = min(most, memory.available()), most

    return offer
