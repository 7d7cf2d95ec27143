"""`lectern models list`: what is here, what it is, and which one is in use."""

from dataclasses import asdict
from typing import Any

from ingest.settings import settings as ingest_settings
from workers.engine.bundle import bundled
from workers.models.shelf import Shelf
from workers.models.telling import Tell
from workers.settings import models_folder, settings


def run(_tell: Tell) -> dict[str, Any]:
    """The bundled model and those on the shelf."""
    shelf = Shelf(models_folder(ingest_settings().data))
    return {
        "fixed": settings().fixed_model or None,
        "in_use": shelf.in_use(),
        "bundled": str(bundled()),
        "models": [asdict(one) | {"folder": str(one.folder)} for one in shelf],
    }
