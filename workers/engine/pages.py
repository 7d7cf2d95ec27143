"""Memory for KV states: pages of their own, which go back to the system when a state is freed.

In malloc's heaps a freed state leaves a hole that the next one, a little larger, does not fit:
resident memory was seen to grow to three times what the states took (docs/decisions/0003).
"""

import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


def empty(size: int) -> Any:
    """So many bytes, all zero: uint8, one dimension."""
    return np.frombuffer(_pages(size), np.uint8, size)


def joined(parts: Sequence[bytes]) -> Any:
    """Copies of the parts, one after the other: uint8, one dimension."""
    size = sum(map(len, parts))
    pages = _pages(size)
    for part in parts:
        pages.write(part)
    return np.frombuffer(pages, np.uint8, size)


def read(path: Path) -> Any:
    """The bytes of a file: uint8, one dimension. Raises OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        pages = _pages(size)
        return np.frombuffer(pages, np.uint8, file.readinto(pages) if size else 0)


def _pages(size: int) -> mmap.mmap:
    """Whole pages, at least one; huge ones, which take a third of the time to fill, if any."""
    pages = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # this kernel has none
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages
