"""The same weights in the forms that the two load: GGUF files, and folders of safetensors.

Made once, in `.venv/peers/models`, and outside of everything that is timed. transformers reads a
GGUF itself (`gguf_file`), so what it loads are the values of that very file as floats.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import models
from benchmarks.apart import apart
from benchmarks.errors import PeerMissing
from workers.models.source import PEERS

DTYPES = {"float32": "F32", "bfloat16": "BF16"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model for both."""

    name: str
    gguf: dict[str, Path]  #: by format
    folders: dict[str, Path]  #: of safetensors, by dtype

    @property
    def tokenizer(self) -> Path:
        """The vocabulary, as the `tokenizers` library reads it."""
        return next(iter(self.folders.values())) / "tokenizer.json"


def default() -> Checkpoint:
    """The bundled model: what Lectern loads of it, and the file as shipped. Raises PeerMissing."""
    ours, shipped = models.lectern(), models.shipped()
    form = ours.stem.rpartition(".")[2]
    forms = {form: ours, shipped.stem.rpartition(".")[2]: shipped}
    return Checkpoint("default", forms, _folders("default", lambda: ours))


def billion(formats: tuple[str, ...]) -> Checkpoint:
    """The made model of a billion parameters. Raises PeerMissing."""
    forms = {one: models.billion(one) for one in formats}
    return Checkpoint("1b", forms, _folders("made-1b", lambda: models.billion("F16")))


def _folders(name: str, source: Callable[[], Path]) -> dict[str, Path]:
    places = {dtype: PEERS / "models" / f"{name}-{form}" for dtype, form in DTYPES.items()}
    if not all((place / "config.json").is_file() for place in places.values()):
        print(f"· making safetensors of {name} (minutes, once)", file=sys.stderr)
        apart(_convert, source(), places)
    return places


def _convert(source: Path, places: dict[str, Path]) -> None:
    try:
        import torch  # noqa: PLC0415 - heavy
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy
    except ImportError as error:
        raise PeerMissing(f"transformers: {error}") from error
    given: dict[str, Any] = {
        "pretrained_model_name_or_path": str(source.parent),
        "gguf_file": source.name,
    }
    model: Any = AutoModelForCausalLM.from_pretrained(**given, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(**given)
    # What has been unpacked to floats is no longer a quantised model, though it remembers one.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    for dtype, place in places.items():
        model = model.to(getattr(torch, dtype))
        tokenizer.save_pretrained(place)
        model.save_pretrained(place)
