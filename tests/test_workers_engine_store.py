"""KV states on disk: whole or not at all, checked, private, within their limit."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.engine import store as module
from workers.engine.store import SUFFIX, Blob, StateStore

LIMIT = 1 << 20
TOKENS = (5, 6, 70_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    opened = StateStore(tmp_path / "kv", "layout", LIMIT)
    yield opened
    opened.close()


def state_of(size: int = 1000) -> Any:
    return (np.arange(size) % 251).astype(np.uint8)


def blob_of(tokens: tuple[int, ...] = TOKENS, size: int = 1000, sources: str = "") -> Blob:
    return Blob(tokens, size, 0.25, frozenset(sources.split()))


def written(store: StateStore, blob: Blob) -> bool:
    """Write, wait, and whether it was said to be safe."""
    told: list[bool] = []
    store.write(blob, state_of(blob.size), told.append)
    store.close()
    reopen(store)
    return told == [True]


def reopen(store: StateStore) -> None:
    """Give a closed store its thread again."""
    store._thread = threading.Thread(target=store._work, daemon=True)
    store._thread.start()


def files(store: StateStore) -> list[Path]:
    return sorted(store._folder.iterdir())


def test_what_was_written_is_read(store: StateStore) -> None:
    blob = blob_of(sources="doc_1 doc_2")
    assert store.read(blob) is None
    assert written(store, blob)
    read = store.read(blob)
    assert read is not None
    assert read.dtype == np.uint8
    assert np.array_equal(read, state_of())
    assert store.blobs() == [blob]
    store.remove(blob)
    store.remove(blob)
    assert files(store) == []


def test_another_process_finds_it(store: StateStore, tmp_path: Path) -> None:
    blobs = [blob_of((number,), 10) for number in (3, 1, 2)]
    for place, blob in enumerate(blobs):
        assert written(store, blob)
        os.utime(store._folder / blob.name, (place, place))
    again = StateStore(tmp_path / "kv", "layout", LIMIT)
    assert again.blobs() == blobs  # oldest first
    assert all(again.read(blob) is not None for blob in blobs)
    again.close()


def test_only_the_owner_may_read(store: StateStore, tmp_path: Path) -> None:
    assert written(store, blob_of())
    assert store._folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in files(store)] == [0o600]


def test_names_tell_tokens_apart_and_nothing_of_them() -> None:
    names = {blob_of(tokens).name for tokens in ((1,), (1, 2), (2, 1), (12,), ())}
    assert len(names) == 5
    assert blob_of().name == blob_of(sources="other").name
    assert all(name.endswith(SUFFIX) and name[: -len(SUFFIX)].isalnum() for name in names)


def test_a_part_that_was_left_is_removed(store: StateStore) -> None:
    assert written(store, blob_of())
    (store._folder / "half.part").write_bytes(b"x")
    (store._folder / f"foreign{SUFFIX}").write_bytes(b"not ours")
    assert store.blobs() == [blob_of()]
    assert [path.name for path in files(store)] == [blob_of().name]


def test_a_part_that_another_worker_writes_stays(store: StateStore) -> None:
    part = store._folder / f"half.{os.getppid()}.part"
    part.write_bytes(b"x")
    store.blobs()
    assert part.exists()


def test_a_write_that_fails_leaves_nothing(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert not written(store, blob_of())
    assert files(store) == []


def test_room_is_left_on_the_disk(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    free = module.ROOM_LEFT + 1000
    monkeypatch.setattr(module, "_free_bytes", lambda _folder: free)
    assert not written(store, blob_of(size=1001))
    assert files(store) == []
    assert written(store, blob_of(size=1000))


def test_a_failed_write_is_followed_by_others(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([0, 0, 1 << 40])
    monkeypatch.setattr(module, "_free_bytes", lambda _folder: next(free))
    told: list[bool] = []
    store.write(blob_of((1,)), state_of(), told.append)
    store.write(blob_of((2,)), state_of(), told.append)
    store.close()
    assert told == [False, True]
    reopen(store)


def test_a_damaged_byte_anywhere_is_noticed(store: StateStore) -> None:
    blob = blob_of((1, 2, 3), 40, "doc_1")
    assert written(store, blob)
    (path,) = files(store)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        )
        read = store.read(blob)
        assert read is None or np.array_equal(read, state_of(40))
        found = store.blobs()
        assert read is None or found == [], place
        assert found in ([], [blob])
        assert path.exists() == bool(found)


@pytest.mark.parametrize("kept", [0, 5, 15, 40, 150, 1100])
def test_a_truncated_file_is_refused_and_dropped(store: StateStore, kept: int) -> None:
    blob = blob_of(size=1000)
    assert written(store, blob)
    (path,) = files(store)
    with path.open("rb+") as file:
        file.truncate(kept)
    assert store.read(blob) is None
    assert store.blobs() == []
    assert files(store) == []


def test_a_file_that_grew_is_refused(store: StateStore) -> None:
    blob = blob_of(size=1000)
    assert written(store, blob)
    (path,) = files(store)
    with path.open("ab") as file:
        file.write(b"x")
    assert store.read(blob) is None
    assert store.blobs() == []


def test_states_of_other_layouts_go_when_room_is_needed(tmp_path: Path) -> None:
    other = StateStore(tmp_path / "kv", "another model", LIMIT)
    for number, age in ((1, 30), (2, 10), (3, 20)):
        assert written(other, blob_of((number,), 1000))
        os.utime(other._folder / blob_of((number,)).name, (age, age))
    other.close()
    one = (other._folder / blob_of((1,)).name).stat().st_size
    roomy = StateStore(tmp_path / "kv", "layout", LIMIT)
    assert len(files(other)) == 3
    assert roomy.blobs() == []
    tight = StateStore(tmp_path / "kv", "layout", 2 * one + 2)
    assert files(other) == [other._folder / blob_of((1,)).name]  # the youngest
    for store in (roomy, tight):
        store.close()


def test_its_own_states_are_not_taken_for_anothers(store: StateStore, tmp_path: Path) -> None:
    assert written(store, blob_of())
    again = StateStore(tmp_path / "kv", "layout", 1)
    assert again.blobs() == [blob_of()]
    again.close()


def test_states_of_other_layouts_go_with_their_documents(tmp_path: Path) -> None:
    other = StateStore(tmp_path, "another model", 1 << 20)
    done = threading.Event()
    blob = Blob((1, 2, 3), 8, 1.0, frozenset({"doc_a"}))
    other.write(blob, np.zeros(8, np.uint8), lambda _: done.set())
    assert done.wait(30)
    other.close()
    ours = StateStore(tmp_path, "this model", 1 << 20)
    assert ours.foreign_sources() == {"doc_a"}
    ours.forget_foreign(frozenset({"doc_b"}))
    assert ours.foreign_sources() == {"doc_a"}
    ours.forget_foreign(frozenset({"doc_a"}))
    assert not list(tmp_path.rglob("*.kv"))
    ours.close()
