"""`lectern models list`, `show` and `examine`: what is here, what it is, which one is in use."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.settings import settings as ingest_settings
from workers.engine.bundle import bundled
from workers.engine.gguf import Long, read
from workers.engine.parts import parts
from workers.models import admission, reports
from workers.models.examining import examine as examined
from workers.models.facts import about
from workers.models.ledger import Ledger
from workers.models.shelf import Shelf, Shelved
from workers.models.telling import Tell
from workers.settings import models_folder, settings

#: Pairs of a header that are not for people: whole vocabularies, and the template's source.
LONGEST_SHOWN = 200


def run(_tell: Tell) -> dict[str, Any]:
    """The bundled model and those on the shelf."""
    shelf = _shelf()
    return {
        "fixed": settings().fixed_model or None,
        "in_use": shelf.in_use(),
        "bundled": {"path": str(bundled())} | about(bundled(), settings()),
        "models": [_told(one) | {"facts": about(one.path, settings())} for one in shelf],
        "begun": list(shelf.begun()),
    }


def show(tell: Tell, *, name: str) -> dict[str, Any]:
    """One model, with each file's sum and the pairs of its header; a name or a path."""
    path = _path(name)
    known = next((_told(one) for one in _shelf() if one.path == path), {"name": path.stem})
    ledger = Ledger(models_folder(ingest_settings().data))
    files = [
        {
            "name": part.name,
            "size": part.stat().st_size,
            "sha256": ledger.sha256(part, lambda d, t: tell("reading its files", d, t)),
        }
        for part in parts(path)
    ]
    header = {key: _shown(value) for key, value in read(path).pairs.items()}
    facts = about(path, settings())
    examination = known.get("examined") or ledger.examined(path)
    return known | {
        "path": str(path),
        "files": files,
        "facts": facts,
        "header": header,
        "examined": examination,
    }


def examine(tell: Tell, *, name: str) -> dict[str, Any]:
    """Load a model in a child process, anew, and remember what it is. Raises ModelUnusable."""
    path = _path(name)
    found = examined(path, hear=lambda: tell("loading it in a child process"))
    admission.learn(Ledger(models_folder(ingest_settings().data)), path, found)
    return {"path": str(path), "examined": found}


def _shelf() -> Shelf:
    return Shelf(models_folder(ingest_settings().data))


def _path(name: str) -> Path:
    """Of a model on the shelf, or of a file that somebody names. Raises ModelNotShelved."""
    path = Path(name).expanduser()
    return path if path.is_file() else _shelf().find(name).path


def _told(one: Shelved) -> dict[str, Any]:
    plain = {"folder": str(one.folder), "examined": dict(one.examined)}
    return asdict(one) | plain | {"report": reports.summary(one.folder)}


def _shown(value: Any) -> Any:
    if isinstance(value, Long):
        return f"({len(value)} elements)"
    text = value if isinstance(value, str | int | float | bool) else str(list(value))
    return f"{str(text)[:LONGEST_SHOWN]}…" if len(str(text)) > LONGEST_SHOWN else text
