"""TCP connections that llama.cpp opens in this process, seen from outside of it.

It neither sets a time limit nor looks whether its peer is still there: a host that loses its power
would be waited for until the end of days.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: A peer that has said nothing for so long is asked, so often and so many times; seconds.
IDLE, EVERY, TIMES = 5, 5, 3
#: What was sent may wait so long to be acknowledged; milliseconds (tcp(7), TCP_USER_TIMEOUT).
UNACKNOWLEDGED = 20_000
ESTABLISHED = 1  #: of the states in linux/tcp_states.h


def sockets() -> Iterator[socket.socket]:
    """A duplicate of each TCP socket over IPv4 that this process has; to be closed."""
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # closed meanwhile
            if not str(descriptor.readlink()).startswith("socket:"):
                continue
            found = socket.socket(fileno=os.dup(int(descriptor.name)))
            if (found.family, found.type) == (socket.AF_INET, socket.SOCK_STREAM):
                yield found
            else:
                found.close()


def keep_alive(link: socket.socket) -> None:
    """Have the kernel notice within twenty seconds that the peer is gone."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TIMES)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)


def established(link: socket.socket) -> bool:
    """Whether both sides still hold the connection."""
    return link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED
