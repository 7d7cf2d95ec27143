"""`lectern models use`: another model for the workers of this host.

Looks at the file before anything is asked of anybody, and at the memory: a worker is started
beside the one that works where there is room for both.
"""

from pathlib import Path
from typing import Any

from ingest.database import new_id
from ingest.errors import LecternError, Refused
from ingest.settings import settings as ingest_settings
from workers import homes
from workers.engine import memory, weights
from workers.engine import profile as profiles
from workers.engine.header import header
from workers.errors import MemoryTooSmall
from workers.models.admission import require_allowed
from workers.models.shelf import BUNDLED, Shelf
from workers.models.telling import Tell
from workers.models.wishes import Wish, Wishes
from workers.settings import Settings, models_folder, settings


class ModelFixed(Refused):
    """{name} is set to {value} and goes before the model in use: take it out of the environment
    or .env, start again, and choose then.
    """

    code = "model_fixed"


def run(
    tell: Tell, *, name: str | None, path: str | None, running: bool, **_more: Any
) -> dict[str, Any]:
    """`running`: whether a launcher is there to change it; else the next start takes it.

    Raises ModelFixed, ModelNotShelved, ModelNotAllowed, ModelMissing, ModelUnusable or
    MemoryTooSmall.
    """
    _require_choice()
    folder = models_folder(ingest_settings().data)
    shelf, chosen = Shelf(folder), _chosen(name, path)
    tell(f"examining {chosen or BUNDLED}")
    new = settings().model_copy(update={"model": _file(shelf, chosen)})
    require_allowed(weights.source(new.model), new)
    needed, context = _weighed(new)
    told = {"model": chosen or BUNDLED, "was": shelf.in_use() or BUNDLED, "context": context}
    if not running:
        shelf.use(chosen)
        return told | {"wish": None}
    beside = _room_beside(new, needed)
    wish = Wish(new_id("wish"), chosen, new.model or BUNDLED, beside, _remark(new))
    Wishes(folder).wish(wish)
    return told | {"wish": wish.id, "beside": beside}


def _require_choice() -> None:
    if settings().llm_url:
        raise ModelFixed(name="LECTERN_LLM_URL", value=settings().llm_url)
    if settings().fixed_model:
        raise ModelFixed(name="LECTERN_MODEL", value=settings().fixed_model)


def _chosen(name: str | None, path: str | None) -> str | None:
    """What the shelf calls it; None: the bundled model."""
    if path is not None:
        return str(Path(path).expanduser().absolute())
    return None if name in (None, BUNDLED) else name


def _file(shelf: Shelf, chosen: str | None) -> str:
    """Its file as the settings name it. Raises ModelNotShelved."""
    if chosen is None:
        return ""
    if "/" in chosen:
        return chosen
    return str(shelf.find(chosen).path.absolute())


def _weighed(new: Settings) -> tuple[int, int]:
    """Bytes that a worker needs, and tokens a sequence of it holds."""
    plan, told = _plan(new), header(weights.source(new.model))
    return plan.needed, min(new.context, told.trained_context or new.context)


def _plan(chosen: Settings) -> memory.Plan:
    profile = profiles.profile_for(chosen, weights.source(chosen.model))
    folder = models_folder(ingest_settings().data)
    return memory.plan(weights.present(chosen.model, folder, profile.weights), chosen, profile)


def _room_beside(new: Settings, needed: int) -> bool:
    """Whether the new workers fit beside the old ones. Raises MemoryTooSmall if not without, too.

    What the old ones hold is their plan: an upper bound, so only the impossible is refused.
    """
    workers, free = len(homes.homes()), memory.available()
    if needed * workers <= free:
        return True
    try:
        held = _plan(settings()).needed * workers
    except LecternError:  # the old one's file is gone
        held = 0
    if needed * workers > free + held:
        told = f"{(free + held) / 1e6:,.0f} MB"
        raise MemoryTooSmall(model=Path(new.model).name or BUNDLED, sum=_plan(new), free=told)
    return False


def _remark(new: Settings) -> str:
    if new.tune == "auto" and profiles.measured(weights.source(new.model)) is None:
        return "this machine is measured for it first, within a minute"
    return ""
