"""Cores, nodes and container limits, read from made trees."""

import os
from pathlib import Path

import pytest

from workers.engine.topology import ROOT, numbers, room, topology, usable_cores


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def two_sockets() -> dict[str, str]:
    """Two nodes with two cores of two hyper-threads each: 0–3 are cores, 4–7 their twins."""
    files = {"sys/devices/system/cpu/online": "0-7\n"}
    for processor in range(8):
        twins = f"{processor % 4},{processor % 4 + 4}\n"
        place = f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
        files[place] = twins
    for node, list_ in enumerate(("0-1,4-5\n", "2-3,6-7\n")):
        files[f"sys/devices/system/node/node{node}/cpulist"] = list_
        files[f"sys/devices/system/node/node{node}/meminfo"] = f"Node {node} MemTotal: 2048 kB\n"
    return files


def test_counts_cores_and_not_their_hyper_threads(tmp_path: Path) -> None:
    found = topology(write(tmp_path, two_sockets()))
    assert found.cores == 4
    assert found.hyper_threads == 4
    assert [node.processors for node in found.nodes] == [(0, 1), (2, 3)]
    assert [node.memory_bytes for node in found.nodes] == [2 << 20, 2 << 20]


def machine(nodes: dict[int, str], cores: int, **files: str) -> dict[str, str]:
    """Nodes with their processors and 2 GB each; processor p + cores is the twin of p."""
    made = {"sys/devices/system/cpu/online": f"0-{2 * cores - 1}\n"}
    for processor in range(2 * cores):
        twins = f"{processor % cores},{processor % cores + cores}\n"
        made[f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"] = twins
    for node, processors in nodes.items():
        place = f"sys/devices/system/node/node{node}"
        made[f"{place}/cpulist"] = f"{processors}\n"
        made[f"{place}/meminfo"] = f"Node {node} MemTotal: 2097152 kB\n"
    return made


def test_two_nodes_of_four_cores(tmp_path: Path) -> None:
    found = topology(write(tmp_path, machine({0: "0-3,8-11", 1: "4-7,12-15"}, 8)))
    assert [node.processors for node in found.nodes] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert (found.host_nodes, found.confined) == (2, False)


def test_nodes_whose_processors_are_numbered_by_turns(tmp_path: Path) -> None:
    found = topology(write(tmp_path, machine({0: "0,2,4,6", 1: "1,3,5,7"}, 4)))
    assert [node.processors for node in found.nodes] == [(0, 2), (1, 3)]
    assert [len(node.cores[0].processors) for node in found.nodes] == [2, 2]


def test_a_cpuset_that_leaves_one_node_confines(tmp_path: Path) -> None:
    files = machine({0: "0-3,8-11", 1: "4-7,12-15"}, 8)
    files["sys/devices/system/cpu/online"] = "4-7,12-15\n"
    found = topology(write(tmp_path, files))
    assert [node.number for node in found.nodes] == [1]
    assert (found.host_nodes, found.confined) == (2, True)


def test_cores_without_memory_use_the_nearest_that_has_some(tmp_path: Path) -> None:
    files = machine({0: "0-1,6-7", 1: "2-3,8-9", 2: "4-5,10-11"}, 6)
    files["sys/devices/system/node/node1/meminfo"] = "Node 1 MemTotal: 0 kB\n"
    files["sys/devices/system/node/node1/distance"] = "21 10 12\n"
    found = topology(write(tmp_path, files))
    assert {node.number: node.processors for node in found.nodes} == {0: (0, 1), 2: (2, 3, 4, 5)}


def test_memory_without_cores_is_no_home(tmp_path: Path) -> None:
    found = topology(write(tmp_path, machine({0: "0-3", 1: ""}, 2)))
    assert [node.number for node in found.nodes] == [0]
    assert (found.host_nodes, found.confined) == (1, False)


def test_a_cpuset_of_memory_counts(tmp_path: Path) -> None:
    files = two_sockets() | {"proc/self/status": "Name:\tx\nMems_allowed_list:\t1\n"}
    found = topology(write(tmp_path, files))
    assert [(node.number, node.processors) for node in found.nodes] == [(1, (0, 1, 2, 3))]


def test_room_of_a_node_counts_pages_of_files(tmp_path: Path) -> None:
    told = "Node 1 MemTotal: 900 kB\nNode 1 MemFree: 100 kB\nNode 1 Active(file): 20 kB\n"
    told += "Node 1 Inactive(file): 30 kB\nNode 1 SReclaimable: 4 kB\n"
    root = write(tmp_path, {"sys/devices/system/node/node1/meminfo": told})
    assert room(1, root) == 154 << 10
    assert room(0, root) is None


def test_leaves_out_what_is_offline(tmp_path: Path) -> None:
    files = two_sockets() | {"sys/devices/system/cpu/online": "1,5-6\n"}
    found = topology(write(tmp_path, files))
    assert [node.cores[0].processors for node in found.nodes] == [(1, 5), (6,)]
    assert found.cores == 2


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "20000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 4),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"}, 4),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (  # the group above is the tighter one
            {
                "proc/self/cgroup": "0::/lectern.slice/worker.service\n",
                "sys/fs/cgroup/lectern.slice/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/lectern.slice/worker.service/cpu.max": "max 100000\n",
            },
            2,
        ),
        ({}, 4),
    ],
)
def test_stays_within_a_containers_quota(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert usable_cores(write(tmp_path, two_sockets() | files)) == cores


def test_believes_psutil_where_nothing_is_told(tmp_path: Path) -> None:
    found = topology(tmp_path)
    assert found.cores >= 1
    assert len(found.nodes) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_counts_no_more_than_the_affinity_allows() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert topology(ROOT).cores == 1
    finally:
        os.sched_setaffinity(0, before)


def test_reads_the_kernels_lists() -> None:
    assert numbers("0-2,5,7-8\n") == (0, 1, 2, 5, 7, 8)
    assert numbers("\n") == ()
