"""The cores this process may use: affinity, container limits, hyper-threads and NUMA nodes.

Reads what Linux tells under /sys and /proc; elsewhere psutil's counts are believed. `root` stands
in front of every path, so that a made tree can be read as well.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path("/")
PROCESSORS, NODES = "sys/devices/system/cpu", "sys/devices/system/node"
CGROUP = "sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Core:
    """A physical core: its hyper-threads that this process may use, and the node it sits on."""

    processors: tuple[int, ...]
    node: int


@dataclass(frozen=True, slots=True)
class Node:
    """A NUMA node, as far as this process may use it."""

    number: int
    cores: tuple[Core, ...]
    memory_bytes: int  #: 0: not told

    @property
    def processors(self) -> tuple[int, ...]:
        """One hyper-thread of each core, to pin one worker's threads to."""
        return tuple(core.processors[0] for core in self.cores)


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes with their cores, and how much of them a container leaves."""

    nodes: tuple[Node, ...]
    quota: float | None  #: cores' worth of time; None: no limit
    host_nodes: int = 1  #: nodes of the host with cores and memory, ours or not

    @property
    def confined(self) -> bool:
        """Whether this process is kept on one of several nodes."""
        return self.host_nodes > 1 and len(self.nodes) == 1

    @property
    def cores(self) -> int:
        """Threads that can compute at once, at least one: hyper-threads don't count.

        More threads than a container's quota has cores would wait for each other while the kernel
        holds some of them back.
        """
        physical = sum(len(node.cores) for node in self.nodes)
        return max(1, physical if self.quota is None else min(physical, int(self.quota)))

    @property
    def hyper_threads(self) -> int:
        """Processors beyond one for each core."""
        return sum(len(core.processors) - 1 for node in self.nodes for core in node.cores)


def topology(root: Path = ROOT) -> Topology:
    """What this process may use now."""
    homes = _homes(root)
    siblings: dict[tuple[int, ...], list[int]] = {}
    for processor in sorted(_allowed(root)):
        siblings.setdefault(_siblings(root, processor), []).append(processor)
    nodes: dict[int, list[Core]] = {}
    for processors in siblings.values():
        core = Core(tuple(processors), homes.get(processors[0], 0))
        nodes.setdefault(core.node, []).append(core)
    found = tuple(
        Node(number, tuple(cores), _memory(root, number)) for number, cores in sorted(nodes.items())
    )
    return Topology(found, quota(root), max(1, len(set(homes.values()))))


def usable_cores(root: Path = ROOT) -> int:
    """Physical cores this process may use: affinity and quota counted, hyper-threads not."""
    return topology(root).cores


def quota(root: Path = ROOT) -> float | None:
    """Cores' worth of time by the container's limits, which both cgroup versions write their way.

    A group above ours may be the tighter one.
    """
    limits = [_limit(group) for group in groups(root)]
    return min((limit for limit in limits if limit is not None), default=None)


def groups(root: Path = ROOT) -> list[Path]:
    """The folders of the control groups this process is in, the innermost first."""
    top = root / CGROUP
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    path = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    inner = top / path
    return [inner, *(parent for parent in inner.parents if parent.is_relative_to(top))]


def numbers(text: str) -> tuple[int, ...]:
    """The kernel's lists: `0-3,8` is 0, 1, 2, 3 and 8."""
    found: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _allowed(root: Path) -> set[int]:
    """By affinity, which a cpuset narrows too; a made tree has its own list."""
    if root == ROOT and hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    online = _text(root / PROCESSORS / "online")
    if online:
        return set(numbers(online))
    return set(range(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1))


def _siblings(root: Path, processor: int) -> tuple[int, ...]:
    """The hyper-threads of a processor's core; itself alone where nothing is told."""
    told = _text(root / PROCESSORS / f"cpu{processor}/topology/thread_siblings_list")
    return numbers(told) or (processor,)


def room(node: int, root: Path = ROOT) -> int | None:
    """Bytes of a node that can still be taken, pages of files among them; None: not told."""
    told = _meminfo(root, node)
    if "MemFree" not in told:
        return None
    files = told.get("Active(file)", 0) + told.get("Inactive(file)", 0)
    return told["MemFree"] + files + told.get("SReclaimable", 0)


def _homes(root: Path) -> dict[int, int]:
    """The node whose memory each processor is to use: its own, if that has any we may take.

    Nodes without memory exist (empty sockets), and nodes without cores (CXL, HBM): the first take
    from the nearest that has some, the second are no home for a worker.
    """
    cores = {
        int(folder.name.removeprefix("node")): numbers(_text(folder / "cpulist"))
        for folder in (root / NODES).glob("node[0-9]*")
    }
    usable = {node for node in cores if _memory(root, node)} & _allowed_memory(root, set(cores))
    usable = usable or set(cores)  # nothing is told of memory
    return {
        processor: node if node in usable else _nearest(root, node, usable)
        for node, processors in sorted(cores.items())
        for processor in processors
    }


def _nearest(root: Path, node: int, usable: set[int]) -> int:
    """By the distances that the firmware tells, one for each node in the order of numbers."""
    order = sorted(int(f.name.removeprefix("node")) for f in (root / NODES).glob("node[0-9]*"))
    told = _text(root / NODES / f"node{node}/distance").split()
    distances = dict(zip(order, map(int, told), strict=False))
    return min(usable, key=lambda other: (distances.get(other, 0), other))


def _allowed_memory(root: Path, nodes: set[int]) -> set[int]:
    """Nodes that a cpuset lets this process take memory from."""
    for line in _text(root / "proc/self/status").splitlines():
        if line.startswith("Mems_allowed_list:"):
            return nodes & set(numbers(line.partition(":")[2])) or nodes
    return nodes


def _memory(root: Path, node: int) -> int:
    """Bytes of a node."""
    return _meminfo(root, node).get("MemTotal", 0)


def _meminfo(root: Path, node: int) -> dict[str, int]:
    """Bytes by name. Lines are like `Node 0 MemTotal: 16303 kB`."""
    lines = [line.split() for line in _text(root / NODES / f"node{node}/meminfo").splitlines()]
    return {words[2].rstrip(":"): int(words[3]) * 1024 for words in lines if len(words) > 3}


def _limit(group: Path) -> float | None:
    words = _text(group / "cpu.max").split() or [
        _text(group / "cpu/cpu.cfs_quota_us").strip(),
        _text(group / "cpu/cpu.cfs_period_us").strip(),
    ]
    limit, period = words
    return float(limit) / float(period) if limit not in {"max", "-1", ""} else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
