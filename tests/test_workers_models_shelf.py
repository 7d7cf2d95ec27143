"""The shelf: models with a note each, there or not there, never half."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from ingest.errors import LecternError
from service.cli.__main__ import main
from workers.models import shelf as shelves
from workers.models.shelf import File, Shelf

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


def put(shelf: Shelf, name: str) -> None:
    place = shelf.prepare(name, 4)
    (place / "weights.gguf").write_bytes(b"GGUF")
    shelf.put(name, [File("weights.gguf", 4, "0" * 64)], "made here", "Apache-2.0")


def test_what_was_put_is_found(shelf: Shelf) -> None:
    put(shelf, "Small-Q8_0")
    (found,) = shelf
    assert (found.name, found.size, found.licence) == ("Small-Q8_0", 4, "Apache-2.0")
    assert found.path.read_bytes() == b"GGUF"
    assert shelf.find("Small-Q8_0") == found


def test_files_without_a_note_are_no_model_yet(shelf: Shelf) -> None:
    place = shelf.prepare("half", 8)
    (place / "weights.gguf").write_bytes(b"GGUF")
    assert list(shelf) == []
    assert list(shelf.begun()) == ["half"]
    assert shelf.prepare("half", 8) == place  # the next try goes on there
    assert shelf.discard("half") == 4
    assert list(shelf.begun()) == []
    with pytest.raises(shelves.ModelNotShelved):
        shelf.discard("half")


def test_a_note_that_cannot_be_read_is_none(shelf: Shelf) -> None:
    put(shelf, "odd")
    (shelf.place("odd") / shelves.NOTE).write_text("{")
    assert list(shelf) == []


@pytest.mark.parametrize(
    "name", ["", "..", "../etc", "a/b", "-x", "a b", "x" * 101, shelves.IN_USE]
)
def test_names_that_are_no_folder(shelf: Shelf, name: str) -> None:
    with pytest.raises(shelves.ModelNameUnusable):
        shelf.place(name)


def test_nothing_is_begun_that_does_not_fit(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, shelves.SPARE_BYTES + 5))
    shelf.prepare("fits", 5)
    with pytest.raises(shelves.DiskTooSmall, match=r"7\.0 GB"):
        shelf.prepare("large", 7 * 10**9)


def test_the_one_in_use_stays(shelf: Shelf) -> None:
    put(shelf, "one")
    put(shelf, "two")
    assert shelf.in_use() is None
    shelf.use("one")
    assert shelf.in_use() == "one"
    with pytest.raises(shelves.ModelInUse):
        shelf.remove("one")
    shelf.remove("two")
    assert [each.name for each in shelf] == ["one"]
    assert not shelf.place("two").exists()
    shelf.use(None)
    shelf.remove("one")


def test_what_is_not_there(shelf: Shelf) -> None:
    for act in (shelf.find, shelf.remove, shelf.use):
        with pytest.raises(shelves.ModelNotShelved):
            act("nothing")


def test_two_of_one_name(shelf: Shelf) -> None:
    put(shelf, "one")
    with pytest.raises(LecternError, match="models rm one"):
        shelf.prepare("one", 1)


def test_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LECTERN_DATA", str(tmp_path))
    put(Shelf(tmp_path / "models"), "one")
    assert main(["models", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["models"]] == ["one"]
    assert main(["models", "rm", "one"]) == 0
    assert "removed one" in capsys.readouterr().out
    assert main(["models", "rm", "one"]) == 1
    assert "model_not_found" in capsys.readouterr().err
