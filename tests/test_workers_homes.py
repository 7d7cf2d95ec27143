"""Where workers run: by a machine's nodes, and really on this one, which has a single node."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_workers_engine_topology import machine, write

from workers import homes
from workers.engine import numa
from workers.engine.topology import topology

ONE, TWO = {0: "0-3,4-7"}, {0: "0-3,8-11", 1: "4-7,12-15"}

#: A process that settles down as a worker does, then takes memory and says where it lies.
SETTLER = """
import json, os
from workers import homes
home = homes.settle()
kept = bytearray(os.urandom(1 << 20)) * 64
from workers.engine import numa
with numa.strict():
    strictly = numa.policy()
    bound = bytearray(b"x" * (32 << 20))
placed = numa.placed()
print(json.dumps({
    "node": home.node, "bound": home.bound, "cores": sorted(os.sched_getaffinity(0)),
    "policy": [int(numa.policy()[0]), numa.policy()[1]], "strictly": int(strictly[0]),
    "share": placed.share(0), "bytes": placed.nodes[0], "report": homes.report(home),
    "told": numa.home()}))
"""


@pytest.mark.parametrize(
    ("mode", "nodes", "cores", "expected"),
    [
        ("auto", ONE, 4, (None,)),
        ("auto", TWO, 8, (0, 1)),
        ("auto", {0: "0-3", 1: ""}, 2, (None,)),  # memory alone is no home
        ("per-node", ONE, 4, (0,)),
        ("per-node", TWO, 8, (0, 1)),
        ("isolate", {0: "0-1,6-7", 1: "2-5,8-11"}, 6, (1,)),
        ("interleave", TWO, 8, (None,)),
        ("off", TWO, 8, (None,)),
    ],
)
def test_a_worker_for_each_node(
    tmp_path: Path,
    mode: str,
    nodes: dict[int, str],
    cores: int,
    expected: tuple[int | None, ...],
) -> None:
    assert homes.planned(mode, topology(write(tmp_path, machine(nodes, cores)))) == expected


def test_one_node_of_two_is_a_home_where_a_cpuset_leaves_no_other(tmp_path: Path) -> None:
    files = machine(TWO, 8) | {"sys/devices/system/cpu/online": "4-7,12-15\n"}
    assert homes.planned("auto", topology(write(tmp_path, files))) == (1,)


def test_hyper_threads_belong_to_the_home(tmp_path: Path) -> None:
    found = topology(write(tmp_path, machine(TWO, 8)))
    assert homes.processors(found, 1) == {4, 5, 6, 7, 12, 13, 14, 15}


def settled(**more: str) -> dict[str, object]:
    told = subprocess.run(
        [sys.executable, "-c", SETTLER],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(told.stdout.splitlines()[-1]))


needs_policy = pytest.mark.skipif(numa.policy() is None, reason="no memory policies here")


@needs_policy
def test_a_process_stays_with_its_cores_and_memory_on_its_node() -> None:
    told = settled(LECTERN_NUMA="per-node")
    node = topology().nodes[0].number
    assert (told["node"], told["bound"], told["told"]) == (node, True, node)
    assert told["cores"] == sorted(homes.processors(topology(), node))
    assert told["policy"] == [numa.Policy.PREFERRED, [node]]
    assert told["strictly"] == numa.Policy.BIND
    assert told["share"] == 1.0
    assert int(str(told["bytes"])) > 96 << 20


@needs_policy
def test_a_process_is_left_alone_on_a_host_of_one_node() -> None:
    told = settled()
    assert (told["node"], told["report"]) == (None, {})
    assert told["policy"] == [numa.Policy.LOCAL, []]


@needs_policy
def test_pages_by_turns() -> None:
    told = settled(LECTERN_NUMA="interleave")
    assert told["policy"] == [numa.Policy.INTERLEAVE, [topology().nodes[0].number]]


def test_each_worker_takes_a_node_that_no_other_has(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = homes._claimed([0, 1]), homes._claimed([0, 1])
    assert first
    assert second
    assert (first[0], second[0]) == (0, 1)
    assert homes._claimed([0, 1]) is None
    first[1].close()
    again = homes._claimed([0, 1])
    assert again
    assert again[0] == 0


def test_where_pages_lie_is_counted_for_weights_kv_and_heap(tmp_path: Path) -> None:
    maps = (
        "7f00 bind:1 anon=3 dirty=3 active=0 N0=1 N1=2 kernelpagesize_kB=4\n"
        "7f10 default file=/models/a\\040b.gguf mapped=2 N1=2 kernelpagesize_kB=2048\n"
        "7f20 default file=/usr/lib/libtorch.so mapped=900 N0=900 kernelpagesize_kB=4\n"
        "7f30 default stack anon=1 N1=1 kernelpagesize_kB=4\n"
    )
    placed = numa.placed(write(tmp_path, {"proc/self/numa_maps": maps}))
    assert placed
    assert placed.nodes == {0: 4096, 1: 3 * 4096 + (4 << 20)}
    assert 0.99 < placed.share(1) < 1
    assert numa.placed(tmp_path / "nowhere") is None
