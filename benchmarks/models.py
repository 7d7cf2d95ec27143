"""Models to measure with: the one Lectern loads, and made ones of about a billion parameters.

A made model has random weights in the shape of a Llama of 16 layers. It writes nonsense, at the
speed of a real one: time depends on shapes and formats, not on values.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np

from benchmarks.errors import PeerMissing
from ingest.settings import settings as library_settings
from workers.engine import weights
from workers.engine.profile import profile_for
from workers.models.source import PEERS
from workers.settings import Settings, models_folder

LAYERS, WIDTH, HIDDEN, HEADS, KV_HEADS = 16, 2_048, 8_192, 32, 8
VOCABULARY = 49_152
FORMATS = {"Q4_0": llama.LLAMA_FTYPE_MOSTLY_Q4_0, "Q4_K_M": llama.LLAMA_FTYPE_MOSTLY_Q4_K_M}
OTHERS = {"Q8_0": llama.LLAMA_FTYPE_MOSTLY_Q8_0}
SCALE = 0.02
#: Said of the file by its maker, and wrong of ours.
SHAPE_KEYS = ("GGUF.", "general.", "llama.", "split.")


def lectern() -> Path:
    """The file that Lectern's engine loads by default, made on its first use."""
    settings = Settings()
    profile = profile_for(settings, weights.source(settings.model))
    return weights.chosen(settings.model, models_folder(library_settings().data), profile.weights)


def shipped() -> Path:
    """The bundled file as it was shipped."""
    return weights.source("")


def billion(name: str) -> Path:
    """The made model as one of FORMATS, or OTHERS, or F16; made once. Raises PeerMissing."""
    folder = PEERS / "models"
    place, whole = folder / f"made-1b-{name}.gguf", folder / "made-1b-F16.gguf"
    if place.is_file():
        return place
    print("· making models of a billion parameters (2 minutes, once)", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    kept = whole.is_file()
    if not kept:
        _write(whole)
    if name == "F16":
        return place
    for one in {name, *FORMATS}:
        other = folder / f"made-1b-{one}.gguf"
        if not other.is_file():
            _quantise(whole, other, one)
    if not kept:
        whole.unlink()  # two gigabytes that nobody needs any more
    return place


def _quantise(whole: Path, place: Path, name: str) -> None:
    part = place.with_suffix(".part")
    params = llama.llama_model_quantize_default_params()
    params.ftype = (FORMATS | OTHERS)[name]
    if llama.llama_model_quantize(str(whole).encode(), str(part).encode(), params) != 0:
        raise PeerMissing(f"llama.cpp could not make a model as {name}")
    part.replace(place)


def parameters() -> int:
    """Weights that every token of a prompt passes: all but the embeddings."""
    return sum(int(np.prod(shape)) for name, shape in _shapes() if name.startswith("blk."))


def _shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes; rows first, as numpy writes them. The embeddings are the output too."""
    kv = WIDTH * KV_HEADS // HEADS
    yield "token_embd.weight", (VOCABULARY, WIDTH)
    yield "output_norm.weight", (WIDTH,)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", (WIDTH,)
        yield block + "ffn_norm.weight", (WIDTH,)
        yield block + "attn_q.weight", (WIDTH, WIDTH)
        yield block + "attn_k.weight", (kv, WIDTH)
        yield block + "attn_v.weight", (kv, WIDTH)
        yield block + "attn_output.weight", (WIDTH, WIDTH)
        yield block + "ffn_gate.weight", (HIDDEN, WIDTH)
        yield block + "ffn_up.weight", (HIDDEN, WIDTH)
        yield block + "ffn_down.weight", (WIDTH, HIDDEN)


def _write(place: Path) -> None:
    try:
        import gguf  # noqa: PLC0415 - of the bench extra
    except ImportError as error:
        raise PeerMissing(f"gguf: {error}") from error
    part = place.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "llama")
    writer.add_name("made-1b")
    writer.add_context_length(8_192)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(100_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for field in gguf.GGUFReader(shipped()).fields.values():
        if not field.name.startswith(SHAPE_KEYS):
            nested = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], nested)
    random = np.random.default_rng(1)
    for name, shape in _shapes():
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            made = random.standard_normal(shape, np.float32) * np.float32(SCALE)
            writer.add_tensor(name, made.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(place)
