"""Where the kernel puts the memory of this process: its policy, and what came of it.

set_mempolicy(2), get_mempolicy(2) and migrate_pages(2) are asked by number, because libnuma is not
everywhere; numa(7) describes /proc/self/numa_maps. A container may forbid them (Docker does,
without CAP_SYS_NICE): then pages still go to the node of the core that touches them first, which is
enough for a process that was pinned before it loaded anything.
"""

import ctypes
import os
import platform
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from workers.engine.topology import ROOT

#: Numbers of set_mempolicy, get_mempolicy and migrate_pages, by machine.
CALLS = {
    "x86_64": (238, 239, 256),
    "aarch64": (237, 236, 238),
    "riscv64": (237, 236, 238),
    "ppc64le": (261, 260, 258),
    "s390x": (270, 269, 287),
}
#: Nodes that a mask has room for: as many as any kernel is built for.
NODES = 1024
LONG_BITS = 8 * ctypes.sizeof(ctypes.c_ulong)
MODE_BITS = 0xFF  #: above them are flags
#: The kernel counts one bit more than it reads.
ROOM = ctypes.c_ulong(NODES + 1)
Mask = ctypes.c_ulong * (NODES // LONG_BITS)


class Policy(IntEnum):
    """How the kernel chooses the node of a new page; numbers of linux/mempolicy.h."""

    LOCAL = 0  #: of the core that touches it, or else any
    PREFERRED = 1  #: of the mask, or else any
    BIND = 2  #: of the mask, or none: files' pages there are dropped first
    INTERLEAVE = 3  #: those of the mask by turns


@dataclass(frozen=True, slots=True)
class Placed:
    """Bytes of weights, KV and heap by the node they lie on."""

    nodes: dict[int, int]

    def share(self, node: int) -> float:
        """How much of it lies on `node`, 0 to 1."""
        total = sum(self.nodes.values())
        return self.nodes.get(node, 0) / total if total else 0.0


def set_policy(policy: Policy, nodes: Collection[int] = ()) -> bool:
    """For pages this thread, and those it starts from now on, touch first. False: refused."""
    return _call(0, ctypes.c_long(policy), _mask(nodes) if nodes else None, ROOM if nodes else None)


def fetch(node: int, others: Collection[int]) -> None:
    """Bring what this process has on other nodes: what was there before it had a policy."""
    _call(2, None, ROOM, _mask(others), _mask([node]))


def policy() -> tuple[Policy, tuple[int, ...]] | None:
    """The calling thread's policy and its nodes; None where nothing is told."""
    mode, mask = ctypes.c_int(), Mask()
    if not _call(1, ctypes.byref(mode), mask, ROOM, None, None):
        return None
    nodes = tuple(n for n in range(NODES) if mask[n // LONG_BITS] >> n % LONG_BITS & 1)
    try:
        return Policy(mode.value & MODE_BITS), nodes
    except ValueError:  # a newer one
        return None


def home() -> int | None:
    """The one node that this thread's policy puts pages on, if it is one."""
    told = policy()
    if told is None or told[0] not in (Policy.PREFERRED, Policy.BIND) or len(told[1]) != 1:
        return None
    return told[1][0]


@contextmanager
def strict() -> Iterator[None]:
    """Where a node is preferred, nothing else will do for the block: weights and KV are not to
    spill over because files fill the node. The kernel drops the files' pages instead.
    """
    told = policy()
    if told is None or told[0] is not Policy.PREFERRED:
        yield
        return
    set_policy(Policy.BIND, told[1])
    try:
        yield
    finally:
        set_policy(*told)


def placed(root: Path = ROOT) -> Placed | None:
    """Where pages of no file, and of GGUF files, lie now; None where the kernel does not tell.

    Takes a moment for each gigabyte: the kernel walks through the page tables.
    """
    try:
        lines = (root / "proc/self/numa_maps").read_text().splitlines()
    except OSError:
        return None
    found: Counter[int] = Counter()
    for line in lines:
        found.update(_pages(line.split()[2:]))
    return Placed(dict(found))


def _mask(nodes: Collection[int]) -> ctypes.Array[ctypes.c_ulong]:
    mask = Mask()
    for node in nodes:
        mask[node // LONG_BITS] |= 1 << node % LONG_BITS
    return mask


def _pages(words: list[str]) -> Counter[int]:
    """Bytes by node of one mapping: `anon=3 dirty=3 N0=2 N1=1 kernelpagesize_kB=4`."""
    told = dict(word.partition("=")[::2] for word in words)
    if "file" in told and not told["file"].endswith(".gguf"):
        return Counter()
    size = int(told.get("kernelpagesize_kB", 4)) * 1024
    return Counter(
        {int(name[1:]): int(n) * size for name, n in told.items() if name[:1] == "N" and n}
    )


def _call(which: int, *arguments: object) -> bool:
    numbers = CALLS.get(platform.machine())
    if numbers is None or os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(ctypes.c_long(numbers[which]), *arguments)) >= 0
