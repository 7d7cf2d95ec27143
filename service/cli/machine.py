"""What this machine has, and what of it a container leaves to us."""

import os
import platform
from pathlib import Path

import psutil

#: Instruction sets that llama.cpp has kernels for, by the kernel's names for them.
USEFUL_FLAGS = (
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "sve",
)


def cpu(source: Path = Path("/proc/cpuinfo")) -> tuple[str, list[str]]:
    """The CPU's name and those of its instruction sets that make the engine fast."""
    model, flags = platform.processor() or platform.machine(), set[str]()
    if source.exists():
        for line in source.read_text().split("\n\n", 1)[0].splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            elif key.strip() in {"flags", "Features"}:
                flags = set(value.split())
    return model, [flag for flag in USEFUL_FLAGS if flag in flags]


def allowed_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """CPUs this process may use: its affinity, or less when a cgroup (v2 or v1) sets a quota."""
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    allowed = float(mask or psutil.cpu_count() or 1)
    quota, period = _words(cgroup / "cpu.max", 2)
    if quota is None:
        quota = _words(cgroup / "cpu/cpu.cfs_quota_us", 1)[0]
        period = _words(cgroup / "cpu/cpu.cfs_period_us", 1)[0]
    if quota and period and quota > 0:
        return min(allowed, quota / period)
    return allowed


def memory_limit(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes this process may use: the machine's, or less when a cgroup sets a limit."""
    total = psutil.virtual_memory().total
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        if limit := _words(cgroup / name, 1)[0]:
            return min(total, limit)
    return total


def _words(path: Path, count: int) -> list[int | None]:
    """The first `count` numbers of a file; `None` for what is not there or says `max`."""
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    numbers = [int(word) if word.lstrip("-").isdigit() else None for word in words]
    return (numbers + [None] * count)[:count]
