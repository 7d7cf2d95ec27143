"""A model as its makers publish it: a folder with `config.json`, a tokenizer and tensors.

What is read here is read as data: JSON, and the headers of safetensors files (8 bytes of length,
then JSON; https://github.com/huggingface/safetensors#format). Nothing in the folder is executed.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import Refused

CONFIG, CARD = "config.json", "README.md"
LONGEST_HEADER, LONGEST_CARD = 100_000_000, 1 << 20  #: bytes
FENCE = "---\n"


class NotACheckpoint(Refused):
    """{folder} is no model folder as Hugging Face's tools write it: {reason}."""

    code = "not_a_checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known of a folder before it is converted."""

    folder: Path
    architecture: str  #: such as LlamaForCausalLM
    parameters: int  #: 0: its tensors are pickled, which is not looked into here
    stored: int  #: bytes of the files with tensors
    licence: str

    @property
    def size(self) -> int:
        """Bytes that 16 bits for each weight take, at most."""
        return 2 * self.parameters or self.stored


def look(folder: Path) -> Checkpoint:
    """Raises NotACheckpoint."""
    try:
        config = json.loads((folder / CONFIG).read_text())
        architecture = str((config.get("architectures") or [""])[0])
    except (OSError, ValueError, AttributeError, LookupError) as error:
        raise NotACheckpoint(folder=folder, reason=f"it has no usable {CONFIG}") from error
    tensors = sorted(folder.glob("*.safetensors"))
    files = tensors or [*folder.glob("pytorch_model*.bin"), *folder.glob("model*.bin")]
    if not files:
        raise NotACheckpoint(folder=folder, reason="it has no files with tensors")
    return Checkpoint(
        folder=folder,
        architecture=architecture,
        parameters=sum(_elements(file) for file in tensors),
        stored=sum(file.stat().st_size for file in files),
        licence=_licence(folder / CARD),
    )


def _elements(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length <= LONGEST_HEADER:
                raise ValueError(length)
            told: dict[str, Any] = json.loads(stream.read(length))
        return sum(math.prod(one["shape"]) for n, one in told.items() if n != "__metadata__")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{file.name} has no usable header"
        raise NotACheckpoint(folder=file.parent, reason=reason) from error


def _licence(card: Path) -> str:
    """As the model card's first lines say it."""
    try:
        with card.open(errors="replace") as file:
            text = file.read(LONGEST_CARD)
    except OSError:
        return ""
    front = text.partition(FENCE)[2].partition(FENCE)[0] if text.startswith(FENCE) else ""
    for line in front.splitlines():
        key, _, value = line.partition(":")
        if key == "license":
            return value.strip().strip("\"'")
    return ""
