"""Which GGUF file to load: the operator's, or the bundled one in a faster format.

The bundled model ships as Q4_1, which has no fast matrix kernel on x86. Q8_0 and F16 made from it
prefill two and three times as fast and lose next to nothing, and so does BF16, faster still where
the processor has units for it; other 4-bit formats would round a
second time and cost 15 % perplexity (docs/decisions/0005-weight-format.md). What is made is
compared with its source before it is used.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp.llama_cpp as llama
import structlog

from workers.engine import bundle, parts, quality
from workers.errors import ModelUnusable

SHIPPED, DEFAULT = "shipped", "Q8_0"
FORMATS = {
    "Q8_0": llama.LLAMA_FTYPE_MOSTLY_Q8_0,
    "F16": llama.LLAMA_FTYPE_MOSTLY_F16,
    "BF16": llama.LLAMA_FTYPE_MOSTLY_BF16,
}
#: Mean KL divergence, nats per token, above which a re-quantised file is not used.
MOST_LOST = 0.01

log = structlog.get_logger()


def source(model: str) -> Path:
    """The file as it was shipped: the operator's or the bundled one. Raises ModelMissing."""
    return bundle.source(model)


def chosen(model: str, models: Path, weights: str = DEFAULT) -> Path:
    """The file to load; made in the folder `models` the first time, which takes seconds.

    The operator's `model` is taken as it is. Raises ModelMissing or ModelUnusable.
    """
    path = source(model)
    parts.check(path)
    if model or weights == SHIPPED:
        return path
    return _requantised(path, models / _name(weights), FORMATS[weights])


def present(model: str, models: Path, weights: str = DEFAULT) -> Path:
    """The file that `chosen` would load or make its own of, as it is now. Raises ModelMissing."""
    made = models / _name(weights)
    return made if not model and weights != SHIPPED and made.is_file() else source(model)


def _name(weights: str) -> str:
    return bundle.FILE.replace("Q4_1", weights)


def _requantised(path: Path, target: Path, ftype: int) -> Path:
    """`target`, made from `path` when it is not there yet; `path` if that would lose too much."""
    refused = target.with_suffix(".refused")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.with_suffix(".lock")):
        if target.is_file():
            return target
        if refused.is_file():
            return path
        part = target.with_suffix(".part")
        _quantise(path, part, ftype)
        lost = quality.divergence(path, part)
        log.info("requantised", source=path.name, target=target.name, kl=round(lost, 5))
        if not lost <= MOST_LOST:  # not a number is refused as well
            part.unlink()
            refused.write_text(f"mean KL divergence {lost}\n")
            return path
        part.replace(target)
    return target


def _quantise(path: Path, part: Path, ftype: int) -> None:
    params = llama.llama_model_quantize_default_params()
    params.ftype = ftype
    params.allow_requantize = True
    if llama.llama_model_quantize(str(path).encode(), str(part).encode(), params) != 0:
        part.unlink(missing_ok=True)
        raise ModelUnusable(path=path, reason="it could not be re-quantised")
    with part.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file: workers may start at the same time."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
