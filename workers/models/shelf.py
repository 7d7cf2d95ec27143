"""The shelf: models in the data folder, each in a folder of its own with a note on its origin.

    models/NAME/model.json    the note
    models/NAME/*.gguf        one file, or the parts of a split one in order
    models/in-use.json        the model that workers load when LECTERN_MODEL names none: its name
                              here, or the path of a file elsewhere

A model is there when its note is: files come first, under their final names, and the note last.
Loads no heavy library.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingest.errors import LecternError, NotFound, Refused

FOLDER, NOTE, IN_USE = "models", "model.json", "in-use.json"
#: What the model is called that is installed as a package and lies on no shelf.
BUNDLED = "bundled"
#: Neither that, nor the name of a file of our own that lies beside the models.
NAME = re.compile(rf"(?!.*\.json$|{BUNDLED}$)[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}")
#: What stays free on the disk when a model has been put down.
SPARE_BYTES = 1 << 30


class ModelNotShelved(NotFound):
    """There is no model called {name} here; `lectern models list` shows those that are."""

    code = "model_not_found"


class ModelNameUnusable(Refused):
    """“{name}” can't name a model: letters, digits, dots, dashes and underscores, 100 at most."""

    code = "bad_model_name"


class ModelThere(Refused):
    """There is a model called {name} already; `lectern models rm {name}` removes it."""

    code = "model_exists"


class ModelInUse(Refused):
    """The model {name} is in use; choose another with `lectern models use` first."""

    code = "model_in_use"


class DiskTooSmall(LecternError):
    """{name} takes {needed} and leaves {spare} free, but {folder} has only {free}."""

    code = "disk_too_small"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model, as it was when it was put down."""

    name: str
    size: int  #: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model that is here."""

    name: str
    folder: Path
    files: tuple[File, ...]  #: the parts of a split model in order
    origin: str  #: where it came from: `hf:OWNER/REPOSITORY@REVISION`, a path, how it was made
    licence: str  #: SPDX, as its source says; empty: not told
    added_at: float  #: Unix time
    #: What a child process found that loaded it (`examining`); empty: not examined yet.
    examined: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """What llama.cpp is given: it finds the other parts itself."""
        return self.folder / self.files[0].name

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Shelf:
    """The models in one folder."""

    def __init__(self, folder: Path) -> None:
        """The folder need not exist yet."""
        self.folder = folder

    @classmethod
    def within(cls, data: Path) -> "Shelf":
        """That of a data folder."""
        return cls(data / FOLDER)

    def __iter__(self) -> Iterator[Shelved]:
        """By name."""
        for note in sorted(self.folder.glob(f"*/{NOTE}")):
            if (found := _read(note)) is not None:
                yield found

    def find(self, name: str) -> Shelved:
        """One of them. Raises ModelNotShelved."""
        found = _read(self.place(name) / NOTE)
        if found is None:
            raise ModelNotShelved(name=name)
        return found

    def place(self, name: str) -> Path:
        """The folder that a model of this name has, or would have. Raises ModelNameUnusable."""
        if not NAME.fullmatch(name):
            raise ModelNameUnusable(name=name)
        return self.folder / name

    def prepare(self, name: str, size: int) -> Path:
        """A folder to put `size` bytes of files into, which may hold some of an earlier try.

        Raises ModelThere, ModelNameUnusable or DiskTooSmall.
        """
        place = self.place(name)
        if (place / NOTE).exists():
            raise ModelThere(name=name)
        place.mkdir(parents=True, exist_ok=True)
        begun = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        free = shutil.disk_usage(place).free
        if free - max(0, size - begun) < SPARE_BYTES:
            told = {"needed": size, "spare": SPARE_BYTES, "free": free}
            sizes = {key: f"{value / 1e9:.1f} GB" for key, value in told.items()}
            raise DiskTooSmall(name=name, folder=self.folder, **sizes)
        return place

    def begun(self) -> Iterator[str]:
        """Names of folders with files but without a note: what was broken off."""
        for place in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if place.is_dir() and NAME.fullmatch(place.name) and not (place / NOTE).exists():
                yield place.name

    def put(
        self,
        name: str,
        files: Sequence[File],
        origin: str,
        licence: str = "",
        *,
        examined: Mapping[str, Any] | None = None,
    ) -> Shelved:
        """Note a model whose files lie in its place; from now on it is there."""
        place, added = self.place(name), time.time()
        shelved = Shelved(name, place, tuple(files), origin, licence, added, dict(examined or {}))
        told = asdict(shelved) | {"folder": None}
        write(shelved.folder / NOTE, json.dumps(told, indent=1))
        return shelved

    def remove(self, name: str) -> Shelved:
        """Take one away, its note first. Raises ModelNotShelved, or ModelInUse."""
        found = self.find(name)
        if self.in_use() == name:
            raise ModelInUse(name=name)
        (found.folder / NOTE).unlink()
        shutil.rmtree(found.folder)
        return found

    def discard(self, name: str) -> int:
        """Take away what an earlier try left. Returns bytes; raises ModelNotShelved."""
        if name not in self.begun():
            raise ModelNotShelved(name=name)
        place = self.place(name)
        freed = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        shutil.rmtree(place)
        return freed

    def in_use(self) -> str | None:
        """The model that workers load: its name, or the path of a file elsewhere.

        None: the bundled one.
        """
        try:
            told = json.loads((self.folder / IN_USE).read_text())
            return str(told["name"]) if told["name"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def path_in_use(self) -> Path | None:
        """Its file, or where that should be; None: the bundled one."""
        name = self.in_use()
        return None if name is None else self.locate(name)

    def locate(self, name: str) -> Path:
        """The file of a name or path; the model's folder when it is not there any more."""
        if os.sep in name:
            return Path(name)
        found = _read(self.place(name) / NOTE)
        return found.path if found else self.place(name)

    def use(self, name: str | None) -> None:
        """Have workers that start from now on load this one; None: the bundled one.

        A name with a slash is the path of a file that lies elsewhere. Raises ModelNotShelved.
        """
        if name is not None and os.sep not in name:
            self.find(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / IN_USE, json.dumps({"name": name}))


def _read(note: Path) -> Shelved | None:
    """None when there is none, or one that can't be read."""
    try:
        told = json.loads(note.read_text())
        files = tuple(File(**file) for file in told.pop("files"))
        return Shelved(**(told | {"folder": note.parent, "files": files}))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
