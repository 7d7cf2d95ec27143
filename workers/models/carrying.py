"""`lectern models export` and `import`: a model to a host that reaches no hub."""

from pathlib import Path
from typing import Any

from ingest.settings import settings as ingest_settings
from workers.models import admission, allowed, parcel
from workers.models.examining import examine
from workers.models.ledger import Ledger
from workers.models.shelf import Shelf
from workers.models.telling import Tell
from workers.settings import models_folder, settings


def export(tell: Tell, *, name: str, file: str) -> dict[str, Any]:
    """Write a bundle of a model. Raises ModelNotShelved or ParcelUnusable."""
    target = Path(file)
    found = Shelf(models_folder(ingest_settings().data)).find(name)
    size = parcel.pack(found, target, lambda d, t: tell(f"writing {target.name}", d, t))
    return {"name": name, "file": str(target), "size": size}


def take_in(tell: Tell, *, file: str, name: str | None = None) -> dict[str, Any]:
    """Put a bundle's model on the shelf, after the same checks as a fetched one.

    Raises ParcelUnusable, ModelNotAllowed, ModelUnusable, or what `Shelf.prepare` does.
    """
    source = Path(file)
    folder = models_folder(ingest_settings().data)
    shelf = Shelf(folder)
    with parcel.opened(source) as bundle:
        told = bundle.note
        name = name or told.name
        sums = ((Path(each.name), each.sha256) for each in told.files)
        allowed.require(settings().model_allow, sums)
        place = shelf.prepare(name, told.size)
        bundle.unpack(place, lambda d, t: tell(f"reading {source.name}", d, t))
    for each in told.files:
        Ledger(folder).learn(place / each.name, sha256=each.sha256)
    first = place / told.files[0].name
    examined = examine(first, hear=lambda: tell("loading it in a child process"))
    admission.learn(Ledger(folder), first, examined)
    put = shelf.put(name, told.files, told.origin, told.licence, examined=examined)
    return {"name": put.name, "size": put.size, "origin": put.origin, "licence": put.licence}
