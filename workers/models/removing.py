"""`lectern models rm`: takes a model off the shelf, or what an earlier try to fetch one left."""

from typing import Any

from ingest.settings import settings as ingest_settings
from workers.models.shelf import Shelf
from workers.models.telling import Tell
from workers.settings import models_folder


def run(_tell: Tell, *, name: str) -> dict[str, Any]:
    """Raises ModelNotShelved or ModelInUse."""
    shelf = Shelf(models_folder(ingest_settings().data))
    if name in shelf.begun():
        return {"removed": name, "freed": shelf.discard(name)}
    gone = shelf.remove(name)
    return {"removed": gone.name, "freed": gone.size}
