"""Cores, nodes and container limits, read from made trees."""

import os
from pathlib import Path

import pytest

from workers.engine.topology import ROOT, numbers, topology, usable_cores


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
