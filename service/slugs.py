"""Collections under names that clients of OpenAI's interface take for models: `kb-<slug>`."""

import re
import unicodedata

from ingest import library
from ingest.database import reading
from ingest.errors import NotFound
from ingest.records import Collection

PREFIX = "kb-"
LONGEST = 60
_BREAK = re.compile(r"[\W_]+")


class ModelNotFound(NotFound):
    """There is no model {name} here; GET /v1/models lists them: one for each collection."""

    code = "model_not_found"


def slug(name: str) -> str:
    """Letters (of any script) and digits of a name, hyphens between them; "" if there are none."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return _BREAK.sub("-", plain).strip("-")[:LONGEST].rstrip("-")


def by_name() -> dict[str, Collection]:
    """Every collection, oldest first. Of several with one slug the later ones carry their ids."""
    with reading() as session:
        found = library.collections(session)
    named: dict[str, Collection] = {}
    for collection in found:
        name = PREFIX + (slug(collection.name) or collection.id)
        named[name if name not in named else f"{name}-{collection.id}"] = collection
    return named


def collection(name: str) -> Collection:
    """The one that is meant; `kb-<id>` is right too, and stays so. Raises ModelNotFound."""
    named = by_name()
    by_id = {PREFIX + one.id: one for one in named.values()}
    found = named.get(name) or by_id.get(name)
    if found is None:
        raise ModelNotFound(name=name[:100])
    return found
