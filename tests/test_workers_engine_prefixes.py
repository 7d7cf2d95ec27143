"""What is kept of states, what goes first, and what is found again; in RAM and on disk."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.engine import store as store_module
from workers.engine.prefixes import WORTH_TOKENS, Prefix, PrefixCache
from workers.engine.store import Blob, StateStore

DISK = 1 << 20


def state(size: int = 10, fill: int = 7) -> Any:
    return np.full(size, fill, np.uint8)


def prefix(*tokens: int, seconds: float = 1.0, sources: str = "", durable: bool = False) -> Prefix:
    return Prefix(tokens, seconds, frozenset(sources.split()), durable)


def holds(cache: PrefixCache, *tokens: int) -> bool:
    return tokens in cache


class Slow(StateStore):
    """Writes when it is told to."""

    def __init__(self, folder: Path, limit_bytes: int = DISK) -> None:
        super().__init__(folder, "layout", limit_bytes)
        self.later: list[Callable[[], None]] = []
        self.reads = 0

    def write(self, blob: Blob, state: Any, told: Callable[[bool], None]) -> None:
        self.later.append(lambda: told(self._write(blob, state)))

    def read(self, blob: Blob) -> Any | None:
        self.reads += 1
        return super().read(blob)

    def catch_up(self) -> None:
        while self.later:
            self.later.pop(0)()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Slow]:
    opened = Slow(tmp_path / "kv")
    yield opened
    opened.close()


def files(store: StateStore) -> int:
    return len(list(store._folder.iterdir()))


def test_keeps_states_and_counts_them() -> None:
    cache = PrefixCache(100)
    cache.put(prefix(1, 2), state(10))
    cache.put(prefix(1, 2), state(99))  # known already
    assert holds(cache, 1, 2)
    assert not holds(cache, 1)
    found = cache.state(prefix(1, 2))
    assert found is not None
    assert found.size == 10
    assert cache.state(prefix(1)) is None
    assert (cache.counts.ram_bytes, cache.counts.hits) == (10, 1)
    cache.drop(prefix(1, 2))
    cache.drop(prefix(1, 2))
    assert not holds(cache, 1, 2)
    assert cache.counts.ram_bytes == 0


def test_never_holds_more_than_its_limit() -> None:
    cache = PrefixCache(100)
    for number in range(50):
        cache.put(prefix(number), state(1 + number % 30))
        assert cache.counts.ram_bytes <= 100
    kept = [cache.state(prefix(number)) for number in range(50)]
    assert cache.counts.ram_bytes == sum(one.size for one in kept if one is not None)


def test_one_larger_than_everything_puts_nobody_out() -> None:
    cache = PrefixCache(100)
    cache.put(prefix(1), state(60))
    cache.put(prefix(2), state(101))
    assert holds(cache, 1)
    assert not holds(cache, 2)


def test_what_is_cheap_for_its_size_goes_first() -> None:
    cache = PrefixCache(100)
    cache.put(prefix(1, seconds=9.0), state(40))
    cache.put(prefix(2, seconds=1.0), state(20))
    cache.put(prefix(3, seconds=1.0), state(40))  # 0.225, 0.05 and 0.025 seconds a byte
    cache.put(prefix(4, seconds=4.0), state(40))
    assert [holds(cache, number) for number in (1, 2, 3, 4)] == [True, True, False, True]


def test_what_is_asked_for_stays() -> None:
    cache = PrefixCache(40)
    for number in (1, 2, 3, 4):
        cache.put(prefix(number), state(10))
    for number in (1, 2, 4):
        cache.state(prefix(number))
    cache.put(prefix(5, seconds=1.5), state(10))
    assert [holds(cache, number) for number in (1, 2, 3, 4, 5)] == [True, True, False, True, True]


def test_what_was_asked_for_long_ago_goes_in_the_end() -> None:
    cache = PrefixCache(20)
    cache.put(prefix(1), state(10))
    for _ in range(5):
        cache.state(prefix(1))
    for number in range(2, 22):
        cache.put(prefix(number), state(10))
    assert not holds(cache, 1)


def test_finds_what_shares_most() -> None:
    cache = PrefixCache(1000)
    long = tuple(range(100))
    cache.put(prefix(*long[:20]), state())
    cache.put(prefix(*long), state())

    def nearest(prompt: tuple[int, ...], **how: bool) -> tuple[int, int] | None:
        found = cache.nearest(prompt, **how)
        return (len(found.prefix.tokens), found.length) if found else None

    assert nearest((*long, 7)) == (100, 100)
    assert nearest(long[:50]) == (100, 50)
    assert nearest(long[:50], whole=True) == (20, 20)
    # For a few tokens more no longer state is read.
    assert nearest(long[: 20 + WORTH_TOKENS - 1]) == (20, 20)
    assert nearest(long[: 20 + WORTH_TOKENS]) == (100, 20 + WORTH_TOKENS)
    assert nearest(long[:10]) is None
    assert nearest((55, 56)) is None


def test_forgets_all_that_holds_words_of_a_document() -> None:
    cache = PrefixCache(1000)
    cache.put(prefix(1, sources="doc_1"), state())
    cache.put(prefix(1, 2, sources="doc_1 doc_2"), state())
    cache.put(prefix(3, sources="doc_3"), state())
    cache.put(prefix(4), state())
    assert cache.sources() == {"doc_1", "doc_2", "doc_3"}
    cache.forget(frozenset({"doc_2", "doc_9"}))
    assert cache.sources() == {"doc_1", "doc_3"}
    cache.forget(frozenset({"doc_1", "doc_3"}))
    assert cache.sources() == frozenset()
    assert holds(cache, 4)
    assert cache.counts.ram_bytes == 10


def test_durable_ones_survive_a_restart(store: Slow) -> None:
    cache = PrefixCache(100, store)
    cache.put(prefix(1, 2, seconds=2.5, sources="doc_1", durable=True), state(20, 3))
    cache.put(prefix(9), state(20))
    store.catch_up()
    assert cache.counts.disk_bytes == 20
    again = PrefixCache(100, store)
    assert (holds(again, 1, 2), holds(again, 9)) == (True, False)
    assert again.sources() == {"doc_1"}
    assert (again.counts.ram_bytes, again.counts.disk_bytes) == (0, 20)
    found = again.nearest((1, 2, 3))
    assert found is not None
    assert found.prefix == prefix(1, 2, seconds=2.5, sources="doc_1", durable=True)
    for _ in range(2):
        read = again.state(found.prefix)
        assert read is not None
        assert read.tolist() == [3] * 20
    assert store.reads == 1  # then it is in RAM
    assert again.counts.ram_bytes == 20


def test_durable_ones_leave_ram_and_stay_on_disk(store: Slow) -> None:
    cache = PrefixCache(30, store)
    cache.put(prefix(1, durable=True), state(20))
    store.catch_up()
    cache.put(prefix(2, seconds=5.0), state(20))
    assert holds(cache, 1)
    assert cache.counts.ram_bytes == 20
    assert cache.state(prefix(1)) is not None
    assert store.reads == 1
    assert cache.counts.ram_bytes <= 30


def test_one_that_is_being_written_is_not_given_up(store: Slow) -> None:
    cache = PrefixCache(30, store)
    cache.put(prefix(1, seconds=0.1, durable=True), state(25))
    cache.put(prefix(2, seconds=9.0), state(25))
    assert cache.state(prefix(1)) is not None
    store.catch_up()
    assert holds(cache, 1)
    assert cache.counts.ram_bytes <= 30
    assert cache.state(prefix(1)) is not None


def test_one_larger_than_ram_is_kept_on_disk_only(store: Slow) -> None:
    cache = PrefixCache(30, store)
    cache.put(prefix(2), state(20))
    cache.put(prefix(1, durable=True), state(50))
    store.catch_up()
    assert holds(cache, 2)
    assert cache.counts.ram_bytes == 20
    read = cache.state(prefix(1))
    assert read is not None
    assert read.size == 50


def test_a_full_disk_does_not_fill_the_memory(store: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_free_bytes", lambda _folder: 0)
    cache = PrefixCache(30, store)
    for number in range(6):
        cache.put(prefix(number, durable=True), state(10))
        store.catch_up()
        assert cache.counts.ram_bytes <= 30
    cache.put(prefix(99, durable=True), state(50))
    store.catch_up()
    assert cache.counts.disk_bytes == files(store) == 0
    assert sum(holds(cache, number) for number in range(6)) == 3
    assert not holds(cache, 99)


def test_the_disk_has_its_limit_too(tmp_path: Path) -> None:
    store = Slow(tmp_path / "kv", limit_bytes=50)
    cache = PrefixCache(1000, store)
    for number in range(8):
        cache.put(prefix(number, durable=True, seconds=1.0 + number), state(20))
        store.catch_up()
        assert cache.counts.disk_bytes <= 50
    assert files(store) == 2
    cache.put(prefix(99, durable=True, seconds=1e9), state(51))  # would put all others out
    store.catch_up()
    assert files(store) == 2
    assert holds(cache, 99)  # in RAM
    store.limit_bytes = 25
    smaller = PrefixCache(1000, store)
    assert smaller.counts.disk_bytes == 20
    assert files(store) == 1
    store.close()


def test_dropped_on_disk_too(store: Slow) -> None:
    cache = PrefixCache(100, store)
    for number, source in ((1, "doc_1"), (2, "doc_2")):
        cache.put(prefix(number, sources=source, durable=True), state())
    store.catch_up()
    cache.drop(prefix(1))
    assert files(store) == 1
    cache.forget(frozenset({"doc_2"}))
    assert files(store) == 0
    assert (cache.counts.ram_bytes, cache.counts.disk_bytes) == (0, 0)
    assert cache.sources() == frozenset()


def test_forgotten_while_it_was_being_written(store: Slow) -> None:
    cache = PrefixCache(100, store)
    cache.put(prefix(1, sources="doc_1", durable=True), state())
    cache.forget(frozenset({"doc_1"}))
    store.catch_up()
    assert files(store) == 0
    assert (cache.counts.ram_bytes, cache.counts.disk_bytes) == (0, 0)


def test_put_again_while_the_first_was_being_written(store: Slow) -> None:
    cache = PrefixCache(100, store)
    cache.put(prefix(1, durable=True), state(fill=1))
    cache.drop(prefix(1))
    cache.put(prefix(1, durable=True), state(fill=2))
    store.catch_up()
    (blob,) = store.blobs()
    read = store.read(blob)
    assert read is not None
    assert set(read) == {2}
    assert cache.counts.disk_bytes == 10


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_what_cannot_be_read_is_dropped(store: Slow, harm: str) -> None:
    cache = PrefixCache(100, store)
    cache.put(prefix(1, durable=True), state(20))
    store.catch_up()
    again = PrefixCache(100, store)
    (path,) = store._folder.iterdir()
    if harm == "gone":
        path.unlink()
    else:
        raw = bytearray(path.read_bytes())
        raw[-5] ^= 1
        path.write_bytes(raw)
    assert again.state(prefix(1)) is None
    assert not holds(again, 1)
    assert (again.counts.unreadable, again.counts.disk_bytes, files(store)) == (1, 0, 0)


def test_many_threads_may_ask_at_once(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "kv", "layout", 400)
    cache = PrefixCache(200, store)
    wrong: list[int] = []
    ended: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(150):
            number = int(rng.integers(12))
            one = prefix(number, sources=f"doc_{number}", durable=number % 2 == 0)
            cache.put(one, state(30, number))
            read = cache.state(one)
            if read is not None and set(read) != {number}:
                wrong.append(number)
            if rng.random() < 0.1:
                cache.forget(one.sources)
            cache.nearest((number, 1))
        ended.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert (wrong, len(ended)) == ([], 6)
    held = [one for one in cache._kept.values() if one.state is not None]
    assert cache.counts.ram_bytes == sum(one.size for one in held) <= 200
    on_disk = [one for one in cache._kept.values() if one.blob is not None]
    assert cache.counts.disk_bytes == sum(one.size for one in on_disk) <= 400
    assert {path.name for path in store._folder.iterdir()} == {
        one.blob.name for one in on_disk if one.blob is not None
    }
