"""States lie in pages of their own: what is freed is given back, what is read is what was there."""

import random
from pathlib import Path

import numpy as np
import psutil
import pytest

from workers.engine import pages
from workers.engine.prefixes import Prefix, PrefixCache

MEGABYTE = 1 << 20


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_memory_of_states_that_come_and_go_is_what_the_kept_ones_take() -> None:
    limit, chance = 32 * MEGABYTE, random.Random(7)
    cache, before = PrefixCache(limit), resident()
    for number in range(200):
        state = pages.empty(MEGABYTE + chance.randrange(2 * MEGABYTE))
        state[:] = 1
        cache.put(Prefix((number,), seconds=1.0), state)
    assert cache.counts.ram_bytes > limit / 2
    del state
    assert resident() - before < cache.counts.ram_bytes + 8 * MEGABYTE


def test_parts_are_joined_in_their_order() -> None:
    assert pages.joined([b"ab", b"", b"c"]).tobytes() == b"abc"
    assert pages.joined([]).size == 0


def test_what_is_new_is_zero_and_may_be_written() -> None:
    taken = pages.empty(5)
    assert taken.dtype == np.uint8
    assert taken.shape == (5,)
    assert not taken.any()
    taken[4] = 9
    assert taken.tolist() == [0, 0, 0, 0, 9]


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 100])
def test_a_file_is_read_whole(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    assert pages.read(path).tobytes() == content


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pages.read(tmp_path / "gone")
