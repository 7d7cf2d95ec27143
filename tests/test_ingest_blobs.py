"""Blobs appear whole or not at all."""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ingest import blobs, sniff
from ingest.blobs import Intake
from ingest.errors import ContentMissing, FileTooLarge, StorageFull

WORDS = "一個文件 and its words".encode()
HASH = hashlib.sha256(WORDS).hexdigest()


def kept(data: bytes) -> str:
    intake = Intake()
    intake.write(data)
    return intake.commit()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_committed_can_be_read(data_folder: Path) -> None:
    assert kept(WORDS) == HASH
    assert blobs.exists(HASH)
    with blobs.open(HASH) as file:
        assert file.read() == WORDS
    with blobs.local_path(HASH) as path:
        assert path == data_folder / "blobs" / HASH[:2] / HASH[2:4] / HASH
        assert path.read_bytes() == WORDS


def test_only_the_owner_may_read(data_folder: Path) -> None:
    kept(WORDS)
    root = data_folder / "blobs"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_dir()}
    assert modes == {0o700}
    assert [stat.S_IMODE(path.stat().st_mode) for path in files_in(root)] == [0o600]


def test_nothing_is_visible_before_the_commit(data_folder: Path) -> None:
    intake = Intake()
    intake.write(WORDS)
    intake.seal()
    assert not blobs.exists(HASH)
    intake.discard()
    intake.discard()
    assert files_in(data_folder) == []


def test_the_limit_holds_while_writing(data_folder: Path) -> None:
    intake = Intake(limit=10)
    intake.write(b"0123456789")
    with pytest.raises(FileTooLarge):
        intake.write(b"x")
    intake.discard()
    assert files_in(data_folder) == []


def test_the_same_content_is_kept_once(data_folder: Path) -> None:
    assert kept(WORDS) == kept(WORDS)
    assert len(files_in(data_folder)) == 1


def test_the_head_is_what_sniffing_wants() -> None:
    assert blobs.HEAD_BYTES >= sniff.HEAD
    intake = Intake()
    for _ in range(30):
        intake.write(b"x" * 4_000)
    assert len(intake.head) == blobs.HEAD_BYTES
    intake.discard()


def test_a_deleted_blob_is_gone_and_deleting_again_is_harmless(data_folder: Path) -> None:
    kept(WORDS)
    blobs.delete(HASH)
    blobs.delete(HASH)
    assert not blobs.exists(HASH)
    with pytest.raises(ContentMissing):
        blobs.open(HASH)
    with pytest.raises(ContentMissing), blobs.local_path(HASH):
        pass


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, HASH + "/..", HASH[:-1]])
def test_only_hashes_become_paths(name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        blobs.exists(name)


def test_a_full_disk_says_so_and_leaves_nothing(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    intake = Intake()
    intake.write(WORDS)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        intake.commit()
    intake.discard()
    assert files_in(data_folder) == []


def test_what_a_crash_left_is_swept(data_folder: Path) -> None:
    abandoned, fresh = Intake(), Intake()
    old = next(path for path in files_in(data_folder))
    os.utime(old, (0, 0))
    assert blobs.sweep() == 1
    assert len(files_in(data_folder)) == 1
    abandoned.discard()
    fresh.discard()


def test_any_fsspec_store_will_do(monkeypatch: pytest.MonkeyPatch, data_folder: Path) -> None:
    monkeypatch.setenv("LECTERN_BLOB_URL", "memory://blobs-of-a-test")
    assert kept(WORDS) == HASH == kept(WORDS)
    files: Any = blobs.store().files
    assert list(files.find("/blobs-of-a-test")) == [
        f"/blobs-of-a-test/{HASH[:2]}/{HASH[2:4]}/{HASH}"
    ]
    with blobs.local_path(HASH) as path:
        assert path.read_bytes() == WORDS
    assert files_in(data_folder) == []
    blobs.delete(HASH)
    blobs.delete(HASH)
    with pytest.raises(ContentMissing), blobs.local_path(HASH):
        pass
    assert files_in(data_folder) == []
