"""RPC hosts as devices of this process's llama.cpp, and what is done when one of them is lost.

The library ends the process at once then (ggml-rpc.cpp, RPC_STATUS_ASSERT). Before it does, it
tells a callback, which here stays for a while: time enough to give the work back.
"""

import ctypes
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import llama_cpp.llama_cpp as llama
import structlog

from workers.engine import ggml
from workers.engine.hosts import Endpoint, Share
from workers.engine.links import established, keep_alive, sockets
from workers.errors import RpcHostAway, RpcHostBusy, RpcHostLost

#: A host that was free a moment ago answers at once, unless somebody was quicker than we.
CONNECT_SECONDS = 20.0
#: What a process may use to give its work back before the library ends it.
GRACE_SECONDS = 25.0
#: Where the library says that it is about a host.
RPC_SOURCE = b"ggml-rpc"

log = structlog.get_logger()

_open: "list[Remote]" = []


class Remote:
    """The devices that hold a model's last layers. Belongs to one model."""

    def __init__(self, shares: Sequence[Share]) -> None:
        """Connect to every host. Raises RpcHostAway or RpcHostBusy."""
        self._shares = tuple(shares)
        self._listener: Callable[[RpcHostLost], None] | None = None
        ggml.function("ggml_set_abort_callback")(_callback)
        hosts = dict.fromkeys(share.endpoint for share in shares)
        registered = {host: _within(host, partial(_register, host)) for host in hosts}
        self._devices = [registered[each.endpoint][each.device] for each in shares]
        # A backend keeps the connection: without one it would be closed and opened again.
        open_backend = ggml.function("ggml_backend_dev_init")
        self._backends = [
            _within(share.endpoint, partial(open_backend, device, None))
            for share, device in zip(shares, self._devices, strict=True)
        ]
        self._links = {host: _link(host) for host in hosts}
        _open.append(self)

    def place(self, params: Any) -> None:
        """Set a model's parameters so that its layers come where the shares have them."""
        counts = [share.layers for share in self._shares]
        counts[-1] += 1  # what makes logits stands behind the last layer
        self._list = (ctypes.c_void_p * (len(counts) + 1))(*self._devices, None)
        self._parts = (ctypes.c_float * llama.llama_max_devices())(*counts)
        params.devices = ctypes.cast(self._list, ctypes.c_void_p)
        params.tensor_split = self._parts
        params.n_gpu_layers = sum(counts)

    @property
    def hosts(self) -> list[str]:
        """Where the layers are, for what holds for these hosts only."""
        return [str(share.endpoint) for share in self._shares]

    def lost(self) -> RpcHostLost | None:
        """The host whose connection has ended, if one has; from any thread."""
        for host, link in self._links.items():
            if not established(link):
                return RpcHostLost(host=host)
        return None

    def on_loss(self, listener: Callable[[RpcHostLost], None]) -> None:
        """Have a loss told, in a thread of the library, while the step in progress hangs for ever.

        The process ends GRACE_SECONDS later.
        """
        self._listener = listener

    def close(self) -> None:
        """Leave the hosts, after the model was freed; harmless when repeated."""
        for link in self._links.values():
            link.close()  # a duplicate would keep the host waiting for us
        for backend in self._backends:
            ggml.function("ggml_backend_free")(backend)
        self._backends = []
        if self in _open:
            _open.remove(self)

    def tell_loss(self) -> bool:
        """Tell who listens; whether there is somebody, who then wants time."""
        if self._listener is None:
            return False
        self._listener(self.lost() or RpcHostLost(host=" or ".join(map(str, self._links))))
        return True


def _aborted(message: bytes) -> None:
    """Called by the library before it ends the process; it does so when this returns."""
    ours = RPC_SOURCE in message
    code = RpcHostLost.code if ours else "library_aborts"
    log.critical("library_aborts", code=code, reason=message.decode("utf-8", "replace"))
    told = [each.tell_loss() for each in list(_open) if ours]
    if any(told):
        time.sleep(GRACE_SECONDS)


_callback = ggml.ABORTED(_aborted)  # kept: the library only borrows it


def _register(host: Endpoint) -> list[int]:
    """Make the library know a host; returns its devices. Raises RpcHostAway."""
    known = ggml.function("ggml_backend_rpc_add_server")(str(host).encode())
    if not known:
        raise RpcHostAway(host=host, reason="it offers no device")
    count = ggml.function("ggml_backend_reg_dev_count")(known)
    return [ggml.function("ggml_backend_reg_dev_get")(known, each) for each in range(count)]


def _within(host: Endpoint, call: Callable[[], Any]) -> Any:
    """What a call of the library returns, which knows no time limit. Raises RpcHostBusy."""
    made: Future[Any] = Future()

    def run() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            made.set_exception(error)

    threading.Thread(target=run, name="rpc-connect", daemon=True).start()
    try:
        return made.result(CONNECT_SECONDS)
    except TimeoutError as error:
        raise RpcHostBusy(host=host) from error


def _link(host: Endpoint) -> socket.socket:
    """The library's connection to a host. Raises RpcHostAway when there is none any more."""
    peer = (socket.gethostbyname(host.host), host.port)
    found: socket.socket | None = None
    for each in sockets():
        try:
            ours = each.getpeername() == peer
        except OSError:  # it listens, or is no longer connected
            ours = False
        if ours and found is None:
            found = each
            keep_alive(each)
        else:
            each.close()
    if found is None:
        raise RpcHostAway(host=host, reason="it hung up")
    return found
