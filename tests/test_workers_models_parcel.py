"""Bundles of models: what is carried is what was there, and nothing else gets out of one."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ggufs
import pytest
from conftest import forget_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cli.__main__ import main
from workers.engine.bundle import bundled
from workers.models import carrying, errors, parcel
from workers.models.ledger import digest
from workers.models.shelf import File, Shelf, Shelved

WEIGHTS = ggufs.whole()


@pytest.fixture
def model(tmp_path: Path) -> Shelved:
    shelf = Shelf(tmp_path / "there")
    place = shelf.prepare("small", 1)
    files = []
    for name in ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf"):
        (place / name).write_bytes(WEIGHTS + name.encode())
        files.append(File(name, len(WEIGHTS) + len(name), digest(place / name)))
    return shelf.put("small", files, "made here", "MIT")


def deaf(*_: float) -> None:
    """Nobody is told."""


@pytest.fixture
def packed(model: Shelved, tmp_path: Path) -> Path:
    target = tmp_path / "small.tar"
    parcel.pack(model, target, deaf)
    return target


def unpacked(path: Path, place: Path) -> parcel.Note:
    place.mkdir(exist_ok=True)
    with parcel.opened(path) as bundle:
        bundle.unpack(place, deaf)
        return bundle.note


def test_there_and_back(model: Shelved, packed: Path, tmp_path: Path) -> None:
    note = unpacked(packed, tmp_path / "here")
    assert (note.name, note.licence, note.files) == ("small", "MIT", model.files)
    for file in model.files:
        assert (tmp_path / "here" / file.name).read_bytes() == (
            model.folder / file.name
        ).read_bytes()
    with tarfile.open(packed) as plain:  # any tar program can look into it
        assert plain.getnames() == ["model.json", "1.gguf", "2.gguf"]
    with pytest.raises(errors.ParcelUnusable, match="already"):
        parcel.pack(model, packed, deaf)


def test_a_damaged_model_is_not_carried(model: Shelved, tmp_path: Path) -> None:
    (model.folder / model.files[1].name).write_bytes(WEIGHTS)
    with pytest.raises(errors.ParcelUnusable, match="sum"):
        parcel.pack(model, tmp_path / "bad.tar", deaf)
    assert not list(tmp_path.glob("bad.tar*"))


def made(path: Path, note: Any, *members: tuple[str, bytes, bytes]) -> Path:
    """A tar file with these members after the note: name, content, type."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as out:
        for name, content, kind in (("model.json", json.dumps(note).encode(), b"0"), *members):
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            member.linkname = "/etc/passwd" if kind in b"12" else ""
            out.addfile(member, io.BytesIO(content))
    return path


def told(**changed: Any) -> dict[str, Any]:
    file = {"name": "m.gguf", "size": len(WEIGHTS), "sha256": parcel_sum(), **changed}
    return {"name": "m", "origin": "", "licence": "", "files": [file]}


def parcel_sum() -> str:
    import hashlib  # noqa: PLC0415 - where it is used

    return hashlib.sha256(WEIGHTS).hexdigest()


RIGHT = ("1.gguf", WEIGHTS, b"0")
FAULTS: dict[str, Callable[[Path], Path]] = {
    "a path in a name": lambda p: made(p, told(name="../m.gguf"), RIGHT),
    "an absolute name": lambda p: made(p, told(name="/tmp/m.gguf"), RIGHT),
    "another ending": lambda p: made(p, told(name="m.json"), RIGHT),
    "a wrong sum": lambda p: made(p, told(sha256="0" * 64), RIGHT),
    "no sum": lambda p: made(p, told(sha256=""), RIGHT),
    "a size that is less": lambda p: made(p, told(size=5), RIGHT),
    "a size that is more": lambda p: made(p, told(size=1 << 40), RIGHT),
    "no size": lambda p: made(p, told(size=-1), RIGHT),
    "a model called out of the shelf": lambda p: made(p, told() | {"name": "../x"}, RIGHT),
    "two files of one name": lambda p: made(p, told() | {"files": told()["files"] * 2}, RIGHT),
    "a member called out of the folder": lambda p: made(p, told(), ("../1.gguf", WEIGHTS, b"0")),
    "a link": lambda p: made(p, told(), ("1.gguf", b"", b"2")),
    "a hard link": lambda p: made(p, told(), ("1.gguf", b"", b"1")),
    "a device": lambda p: made(p, told(), ("1.gguf", b"", b"3")),
    "one more file": lambda p: made(p, told(), RIGHT, ("more", b"x", b"0")),
    "no files": lambda p: made(p, told() | {"files": []}),
    "a note of nonsense": lambda p: made(p, [1, 2]),
    "a deep note": lambda p: made(p, {"files": 1}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_refuses(fault: str, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "here"
    place.mkdir(parents=True)
    with pytest.raises(errors.ParcelUnusable):
        unpacked(FAULTS[fault](tmp_path / "odd.tar"), place)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["odd.tar"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4 * 512 - 1), st.integers(0, 255), st.integers(0, 3000))
def test_any_byte_changed_or_cut_off(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    raw = bytearray(made(folder / "right.tar", told(), RIGHT).read_bytes())
    raw[place] = byte
    (folder / "odd.tar").write_bytes(raw[: len(raw) - cut] if cut > 1500 else raw)
    try:
        note = unpacked(folder / "odd.tar", folder / "here")
    except errors.ParcelUnusable:
        return
    assert (folder / "here" / note.files[0].name).read_bytes() == WEIGHTS


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(errors.ParcelUnusable, match="no such file"):
        unpacked(tmp_path / "none.tar", tmp_path / "here")


def test_what_comes_in_is_examined_and_on_the_list(
    packed: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def examine(path: Path, **_: Any) -> dict[str, Any]:
        seen.append(path)
        return {"cuts": True}

    monkeypatch.setattr(carrying, "examine", examine)
    monkeypatch.setenv("LECTERN_MODEL_ALLOW", "0" * 64)
    forget_settings()
    with pytest.raises(errors.ModelNotAllowed):
        carrying.take_in(lambda *_: None, file=str(packed))
    assert not seen
    monkeypatch.delenv("LECTERN_MODEL_ALLOW")
    forget_settings()
    assert carrying.take_in(lambda *_: None, file=str(packed), name="own")["name"] == "own"
    (found,) = Shelf(data_folder / "models")
    assert seen == [found.path]
    assert (found.origin, found.examined) == ("made here", {"cuts": True})


@pytest.mark.model
def test_by_command_from_one_host_to_another(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(data_folder / "models")
    place = shelf.prepare("smol", 1)
    (place / "smol.gguf").write_bytes(bundled().read_bytes())
    size = bundled().stat().st_size
    shelf.put("smol", [File("smol.gguf", size, digest(bundled()))], "made here")
    words = ["--from", str(tmp_path), "models"]
    assert main([*words, "export", "smol", "smol.tar"]) == 0
    monkeypatch.setenv("LECTERN_DATA", str(tmp_path / "elsewhere"))
    assert main([*words, "import", "smol.tar"]) == 0
    (found,) = Shelf(tmp_path / "elsewhere" / "models")
    assert replace(found, folder=place, added_at=0, examined={}) == replace(
        shelf.find("smol"), added_at=0
    )
    assert found.examined["cuts"] is True
