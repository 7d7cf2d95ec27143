"""A folder that others write to: what is seen in it, and what never is."""

import os
from pathlib import Path

import pytest

from ingest import folder
from ingest.errors import (
    EmptyFile,
    FileTooLarge,
    FileUnreadable,
    FolderMissing,
    FolderRefused,
    UnsupportedType,
    WatchingOff,
)
from ingest.folder import Entry, entries, permitted, taken


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    made = tmp_path / "in box"
    made.mkdir()
    return made


def paths(place: Path) -> list[str]:
    return [entry.path for entry in entries(place)]


def only(place: Path) -> Entry:
    found = entries(place)
    entry = next(found)
    assert taken  # the generator stays open with the entry
    KEPT.append(found)
    return entry


KEPT: list[object] = []  #: an entry can be opened while its folder is


def test_files_are_found_at_any_depth_in_a_steady_order(inbox: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/b/c.pdf", ".hidden", ".git/x.txt", "~$open.docx"):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_text("x")
    assert paths(inbox) == ["b.txt", "a/z.md", "a/b/c.pdf"]
    assert only(inbox).size == 1


def test_links_are_not_followed_and_pipes_are_not_opened(inbox: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "key.txt").write_text("key")
    (inbox / "folder").symlink_to(outside)
    (inbox / "file.txt").symlink_to(outside / "key.txt")
    os.mkfifo(inbox / "pipe.txt")
    (inbox / "own.txt").write_text("own")
    assert paths(inbox) == ["own.txt"]


def test_what_takes_a_files_place_is_not_opened(inbox: Path, tmp_path: Path) -> None:
    (inbox / "a.txt").write_text("a")
    entry = only(inbox)
    (inbox / "a.txt").unlink()
    (inbox / "a.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("key")
    with pytest.raises(FileUnreadable):
        taken(entry, 100)


def test_a_file_is_taken_whole(inbox: Path, data_folder: Path) -> None:
    (inbox / "a.md").write_bytes(b"# Title\n" * 50_000)
    found = taken(only(inbox), 1_000_000)
    assert found is not None
    intake, kind = found
    assert (intake.size, kind) == (400_000, "text/markdown")
    intake.discard()


def test_a_file_that_changes_meanwhile_is_left(
    inbox: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.txt").write_text("half")

    def slow(head: bytes, name: str) -> str:
        with (inbox / "a.txt").open("a") as file:
            file.write(" and the other half")
        return "text/plain"

    monkeypatch.setattr(folder, "media_type", slow)
    assert taken(only(inbox), 1_000) is None
    assert list((data_folder / "blobs" / "incoming").iterdir()) == []


def test_what_is_wrong_with_a_file_has_a_name(inbox: Path, data_folder: Path) -> None:
    for content, error in (
        (b"", EmptyFile),
        (b"\x7fELF" + bytes(range(256)) * 20, UnsupportedType),
        (b"words " * 100, FileTooLarge),
    ):
        (inbox / "a.bin").write_bytes(content)
        with pytest.raises(error):
            taken(only(inbox), 500 if error is FileTooLarge else 10_000)
    assert list((data_folder / "blobs" / "incoming").iterdir()) == []


def test_a_name_that_is_no_text_is_shown_as_near_as_can_be(inbox: Path) -> None:
    (inbox / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (name,) = paths(inbox)
    assert name == "caf\ufffd.txt"
    name.encode()


def test_only_what_lies_in_an_allowed_folder_may_be_watched(inbox: Path, tmp_path: Path) -> None:
    (inbox / "inner").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (inbox / "way out").symlink_to(tmp_path / "elsewhere")
    for good in (inbox, inbox / "inner", inbox / "not yet", inbox / "inner" / ".." / "inner"):
        assert permitted(str(good), [inbox]).is_relative_to(inbox)
    for bad in (tmp_path, inbox / "way out", inbox / "..", "in box", "", "/", "x\0y", "a" * 9_000):
        with pytest.raises(FolderRefused):
            permitted(str(bad), [inbox])
    with pytest.raises(WatchingOff):
        permitted(str(inbox), [])


def test_an_allowed_folder_may_itself_be_a_link(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(inbox)
    assert permitted(str(tmp_path / "link"), [tmp_path / "link"]) == inbox


def test_a_folder_that_is_not_there_is_missing(inbox: Path) -> None:
    with pytest.raises(FolderMissing):
        paths(inbox / "none")
