"""On which NUMA nodes workers run: one worker on each node, its cores and its memory its own.

What llama.cpp's --numa does for one process (threads spread over nodes, or kept on one) moves no
memory, resets affinity after every graph and switches work stealing off; so it stays disabled, and
a worker is placed before anything of it is loaded (docs/decisions/0038-numa.md).
"""

import fcntl
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import structlog

from ingest.settings import settings as ingest_settings
from workers.engine import numa
from workers.engine.numa import Policy
from workers.engine.topology import ROOT, Node, Topology, topology
from workers.settings import Settings, settings

#: The same for all containers of a host, which have names and process numbers of their own.
BOOT = "proc/sys/kernel/random/boot_id"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Home:
    """Where this process was put."""

    node: int | None  #: None: on no node of its own
    bound: bool  #: whether the kernel took the memory policy, too
    claim: IO[str] | None = None  #: kept open: the node is this worker's as long as it lives


def homes() -> tuple[int | None, ...]:
    """The node of each worker that this host should have; None: a worker bound to none."""
    chosen = settings()
    return (None,) if chosen.llm_url else planned(chosen.numa, topology())


def planned(mode: str, machine: Topology) -> tuple[int | None, ...]:
    """The same for a mode of LECTERN_NUMA and a machine."""
    if mode == "per-node" or (mode == "auto" and machine.host_nodes > 1):
        return tuple(node.number for node in machine.nodes)
    if mode == "isolate":
        return (max(machine.nodes, key=_room).number,)
    return (None,)


@cache
def settle(*, claims: bool = True) -> Home:
    """Put this process where a worker of these settings belongs, once and for good.

    To be called first while it has one thread and nothing is loaded: threads, OpenMP's too,
    inherit both affinity and memory policy. With `claims` a node is taken that no other worker of
    the host has.
    """
    chosen, machine = settings(), topology()
    if chosen.numa == "interleave":
        nodes = [node.number for node in machine.nodes]
        return Home(None, bound=numa.set_policy(Policy.INTERLEAVE, nodes))
    wanted = _wanted(chosen, machine)
    if not wanted:
        return Home(None, bound=False)
    try:
        claim = _claimed(wanted) if claims else None
        node = claim[0] if claim else wanted[os.getpid() % len(wanted)]
        os.sched_setaffinity(0, processors(machine, node))
    except OSError as error:
        log.warning("numa_not_settled", nodes=wanted, error=str(error))
        return Home(None, bound=False)
    bound = numa.set_policy(Policy.PREFERRED, [node])
    numa.fetch(node, {each.number for each in machine.nodes} - {node})
    return Home(node, bound, claim[1] if claim else None)


def processors(machine: Topology, node: int) -> set[int]:
    """All of a node that this process may use, hyper-threads too."""
    found = next(each for each in machine.nodes if each.number == node)
    return {processor for core in found.cores for processor in core.processors}


def report(home: Home) -> dict[str, object]:
    """What came of it, for the log and for whoever asks how the worker does; {} without a home."""
    if home.node is None:
        return {}
    placed = numa.placed()
    told: dict[str, object] = {"node": home.node, "bound": home.bound}
    if placed is not None:
        told |= {"local": round(placed.share(home.node), 3), "bytes": sum(placed.nodes.values())}
        log.info("numa_placed", **told, nodes={f"N{n}": b for n, b in placed.nodes.items()})
    return told


def _wanted(chosen: Settings, machine: Topology) -> list[int]:
    """The nodes that this worker may choose from: the one it was told, or each that has workers."""
    told, there = chosen.numa_node, [node.number for node in machine.nodes]
    if chosen.numa == "off" or chosen.llm_url:
        return []
    if told in there:
        return [told]
    if told >= 0:
        log.warning("numa_node_unusable", node=told, nodes=there)
    return [node for node in planned(chosen.numa, machine) if node is not None]


def _claimed(wanted: list[int]) -> tuple[int, IO[str]] | None:
    """The first node that no other worker has; None when each has one."""
    for node in wanted:
        file = (_claims() / f"node-{node}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return node, file
    log.info("numa_nodes_taken", nodes=wanted, means="the workers of a node take turns")
    return None


def _claims() -> Path:
    """A folder that all workers of this host share, those in containers too."""
    try:
        boot = (ROOT / BOOT).read_text().strip()
    except OSError:
        boot = "host"
    folder = ingest_settings().data / "numa" / boot
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _room(node: Node) -> tuple[int, int]:
    return len(node.cores), node.memory_bytes
