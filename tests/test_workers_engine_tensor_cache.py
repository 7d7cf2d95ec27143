"""What an RPC host keeps of weights, and what it must not believe."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from workers.engine import tensor_cache
from workers.engine.tensor_cache import TensorCache


def test_what_was_cut_short_is_removed_at_the_next_start(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path / "rpc")
    whole, torn = cache.folder / "00aa", cache.folder / "00bb"
    whole.write_bytes(b"weights")
    cache.seal()
    torn.write_bytes(b"wei")
    TensorCache(cache.folder).sweep()
    assert whole.read_bytes() == b"weights"
    assert not torn.exists()
    assert cache.bytes == 7


def test_what_is_being_written_does_not_count_yet(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path)
    with (tmp_path / "00aa").open("wb") as writing:
        writing.write(b"wei")
        cache.seal()
    cache.sweep()
    assert cache.bytes == 0


def test_what_a_full_disk_may_have_cut_short_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = TensorCache(tmp_path)
    (tmp_path / "00aa").write_bytes(b"whole")
    cache.seal()
    (tmp_path / "00bb").write_bytes(b"wei")
    full = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(tensor_cache, "shutil", full)
    cache.seal()
    assert [path.name for path in tmp_path.iterdir()] == ["00aa"]
