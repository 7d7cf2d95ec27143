"""`lectern models pull`: a model from the hub, a mirror or an address, onto the shelf.

The files come first, checked against what their source states and the operator's list; then the
model is examined; the note that makes it a model of this installation comes last.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ingest.settings import settings as ingest_settings
from workers.models import admission, allowed, catalogue
from workers.models.choosing import candidates, choose
from workers.models.errors import DownloadDiffers, SourceUnclear
from workers.models.examining import examine
from workers.models.fetching import fetch, look
from workers.models.hub import Hub, Remote, require_online
from workers.models.ledger import Ledger
from workers.models.shelf import File, Shelf
from workers.models.telling import Tell
from workers.settings import models_folder, settings

#: An address on the hub: its page of a file or the file itself.
PAGE = re.compile(r"/(?P<id>[^/]+/[^/]+)/(?:blob|resolve)/(?P<revision>[^/]+)/(?P<file>.+)")
REPOSITORY = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?::(?P<wanted>[\w./ -]+))?", re.ASCII)
LONGEST_STEM = 80


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be fetched."""

    stem: str  #: what to call it unless somebody knows better
    files: tuple[Remote, ...]
    origin: str
    licence: str

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


def run(
    tell: Tell,
    *,
    what: str,
    revision: str | None = None,
    name: str | None = None,
    sha256: str | None = None,
) -> dict[str, Any]:
    """Fetch a model and put it on the shelf.

    Raises what `workers.models.errors` and `workers.models.shelf` name, or ModelUnusable.
    """
    require_online()
    folder = models_folder(ingest_settings().data)
    shelf, ledger = Shelf(folder), Ledger(folder)
    tell("asking what there is")
    source = _source(what, revision)
    name = name or _stem(source.stem)
    stated = ((Path(file.name), sha256 or file.sha256) for file in source.files)
    allowed.require(settings().model_allow, (each for each in stated if each[1]))
    place = shelf.prepare(name, source.size)
    with _alone(place):
        files = []
        for remote, own in zip(source.files, _names(name, len(source.files)), strict=True):
            found = fetch(remote, place / own, tell)
            if sha256 and len(source.files) == 1 and found != sha256.lower():
                raise DownloadDiffers(file=own, reason=f"its SHA-256 is {found}")
            files.append(File(own, remote.size, found))
            ledger.learn(place / own, sha256=found)
        return _shelved(tell, shelf, name, tuple(files), source)


def _shelved(
    tell: Tell, shelf: Shelf, name: str, files: tuple[File, ...], source: Source
) -> dict[str, Any]:
    """Admit the files that lie in their place, and note them."""
    place = shelf.place(name)
    allowed.require(settings().model_allow, ((place / file.name, file.sha256) for file in files))
    examined = examine(place / files[0].name, hear=lambda: tell("loading it in a child process"))
    admission.learn(Ledger(shelf.folder), place / files[0].name, examined)
    for rest in place.glob("*.part"):
        rest.unlink()
    put = shelf.put(name, files, source.origin, source.licence, examined=examined)
    stated = all(file.sha256 for file in source.files)
    return {"name": put.name, "size": put.size, "origin": put.origin, "stated": stated} | {
        "licence": put.licence,
        "examined": examined,
    }


def _source(what: str, revision: str | None) -> Source:
    entry, _, wanted = what.partition(":")
    if (known := catalogue.find(entry)) is not None:
        return _on_hub(known.repository, wanted or known.usual, revision)
    if what.startswith(("https://", "http://")):
        return _at(what, revision)
    named = REPOSITORY.fullmatch(what)
    if named is None:
        raise SourceUnclear(what=what)
    return _on_hub(named["id"], (named["wanted"] or "").strip(), revision)


def _on_hub(repository: str, wanted: str, revision: str | None) -> Source:
    found = Hub(settings().model_mirror).repository(repository, revision)
    chosen = choose(candidates(found.files), wanted, repository)
    origin = f"hf:{found.id}@{found.commit}"
    return Source(chosen.stem, chosen.files, origin, found.licence)


def _at(url: str, revision: str | None) -> Source:
    """A page of the hub as the repository it belongs to; anything else as one file."""
    parts, hub = urlsplit(url), Hub(settings().model_mirror)
    page = PAGE.fullmatch(unquote(parts.path))
    if page and parts.netloc in (hub.host, "huggingface.co"):
        return _on_hub(page["id"], page["file"], revision or page["revision"])
    remote = look(url)
    if not remote.name.lower().endswith(".gguf"):
        raise SourceUnclear(what=url)
    return Source(remote.name[: -len(".gguf")], (remote,), _bare(url), "")


def _bare(url: str) -> str:
    """Without what may be secret: a note is shown to many."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _names(name: str, count: int) -> Iterator[str]:
    """What the files are called here: as llama.cpp finds the parts of a split model."""
    if count == 1:
        yield f"{name}.gguf"
        return
    yield from (f"{name}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1))


def _stem(text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:LONGEST_STEM]
    return plain or "model"


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Two that fetch the same wait for each other; the second finds it there."""
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
