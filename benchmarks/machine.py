"""What this machine can do at most: memory bandwidth and matrix multiplication, measured."""

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

STREAM_BYTES = 512 << 20  #: of each thread: far beyond every cache
GEMM_SIDE = 2_048
REPEATS = 5


def bandwidth(threads: int) -> float:
    """Bytes per second that so many threads read or move, the best of a few ways and tries."""
    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(lambda _: np.ones(STREAM_BYTES // 8, np.int64), range(threads)))
        targets = list(pool.map(np.empty_like, blocks))

        def read() -> None:
            list(pool.map(_read, blocks))

        def move() -> None:
            list(pool.map(np.copyto, targets, blocks))

        total = sum(block.nbytes for block in blocks)
        return max(total / _best(read), 2 * total / _best(move))


def _read(block: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
    np.bitwise_or.reduce(block)


def gemm_flops() -> float:
    """Floating-point operations per second of numpy's single-precision product, all cores."""
    left = np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
    right = np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
    product = np.empty_like(left)
    return float(2 * GEMM_SIDE**3 / _best(lambda: np.matmul(left, right, product)))


def cores() -> int:
    """Physical cores that this process may use."""
    logical, physical = psutil.cpu_count() or 1, psutil.cpu_count(logical=False) or 1
    return max(1, len(os.sched_getaffinity(0)) * physical // logical)


def described() -> dict[str, object]:
    """What a reader must know to compare two results."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def _cpuinfo() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - no path of ours
            return file.read().splitlines()
    except OSError:
        return []


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
