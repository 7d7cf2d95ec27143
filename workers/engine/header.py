"""What a model's files say of it, read without loading it: its sizes, and what its memory is.

The keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and src/llama-arch.cpp of
llama.cpp.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from workers.engine import parts
from workers.engine.formats import FILES
from workers.engine.gguf import Gguf, Long
from workers.errors import ModelUnusable

#: Keys of layers that keep a state instead of each token's keys and values.
STATES = ("ssm.", "wkv.", "shortconv.", "kda.")
MLA = ("attention.key_length_mla", "attention.value_length_mla")


class Memory(StrEnum):
    """What a model keeps of the tokens it has read, and so what may be done with it.

    The engine itself asks llama.cpp (`Model.cuts`, `Model.rope_type`); this is told beforehand.
    """

    ATTENTION = "attention"  #: keys and values of each token: can be cut, shared, joined
    LATENT = "latent"  #: MLA, one narrow vector a token: can be cut and shared, not joined
    WINDOW = "window"  #: some layers see the latest tokens only: shared as a whole, not cut
    STATE = "state"  #: some layers or all keep one state: shared as a whole, not cut


@dataclass(frozen=True, slots=True)
class Header:
    """The sizes that memory is planned by, and what a model is called."""

    layers: int
    width: int  #: of an embedding
    hidden: int  #: of a feed-forward layer
    heads: int
    trained_context: int
    vocabulary: int
    kv_width: int  #: elements of K and V that all layers keep for one token, at most
    file_bytes: int = 0  #: of all its files
    parameters: int = 0
    architecture: str = ""
    name: str = ""
    format: str = ""  #: of the weights, such as Q4_K_M
    memory: Memory = Memory.ATTENTION
    window: int = 0  #: tokens that layers with a window see
    experts: int = 0  #: of each layer; 0: dense
    experts_used: int = 0  #: for a token
    licence: str = ""
    template: bool = False  #: whether it says how a chat is written


def header(path: Path) -> Header:
    """Check a model's files and read what they say; sizes that they leave out are 0.

    Raises ModelMissing or ModelUnusable.
    """
    files = parts.check(path)
    try:
        return _header(files[0].pairs, files)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise ModelUnusable(path=path, reason="its header leaves out what is needed") from error


def _header(told: Mapping[str, Any], files: tuple[Gguf, ...]) -> Header:
    name = str(told["general.architecture"])
    ours = {k.removeprefix(f"{name}."): v for k, v in told.items() if k.startswith(f"{name}.")}
    layers, width = int(ours["block_count"]), int(ours["embedding_length"])
    heads = _each(ours.get("attention.head_count", 0), layers)
    return Header(
        layers=layers,
        width=width,
        hidden=max(_each(ours.get("feed_forward_length", 0), layers)),
        heads=max(heads),
        trained_context=int(ours.get("context_length", 0)),
        vocabulary=len(told.get("tokenizer.ggml.tokens", ())),
        kv_width=_kv_width(ours, heads, width // max(*heads, 1)),
        file_bytes=sum(file.size for file in files),
        parameters=sum(tensor.elements for file in files for tensor in file.tensors),
        architecture=name,
        name=str(told.get("general.name", "")),
        format=_format(told, files),
        memory=_memory(ours),
        window=int(_first(ours.get("attention.sliding_window", 0))),
        experts=int(ours.get("expert_count", 0)),
        experts_used=int(ours.get("expert_used_count", 0)),
        licence=str(told.get("general.license", "")),
        template=bool(told.get("tokenizer.chat_template")),
    )


def _kv_width(ours: Mapping[str, Any], heads: list[int], head: int) -> int:
    shared = _each(ours.get("attention.head_count_kv", heads), len(heads))
    key = int(ours.get("attention.key_length", head))
    value = 0 if _latent(ours) else int(ours.get("attention.value_length", head))
    return sum(shared) * (key + value)


def _memory(ours: Mapping[str, Any]) -> Memory:
    if any(key.startswith(STATES) for key in ours):
        return Memory.STATE
    if _first(ours.get("attention.sliding_window", 0)):
        return Memory.WINDOW
    return Memory.LATENT if _latent(ours) else Memory.ATTENTION


def _latent(ours: Mapping[str, Any]) -> bool:
    """As `llama_hparams::is_mla`: then the value is part of the key, and no V is kept."""
    return all(ours.get(key) for key in MLA)


def _format(told: Mapping[str, Any], files: tuple[Gguf, ...]) -> str:
    """As the file says, or else the type of most of its bytes."""
    said = FILES.get(told.get("general.file_type", -1))
    if said is not None:
        return said
    types = Counter[str]()
    for file in files:
        for tensor in file.tensors:
            types[tensor.type] += tensor.size
    return types.most_common(1)[0][0] if types else ""


def _each(value: Any, layers: int) -> list[int]:
    """One number for each layer: some models give a list, most one for all."""
    if isinstance(value, Long):
        raise TypeError
    if isinstance(value, tuple | list):
        return [int(one) for one in value]
    if not 0 < layers <= 10_000:
        raise ValueError
    return [int(value)] * layers


def _first(value: Any) -> Any:
    return next(iter(value), 0) if isinstance(value, tuple) else value
