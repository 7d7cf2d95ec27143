"""A made model's folder, as Hugging Face's tools write it, becomes a GGUF that reads the same.

Needs llama.cpp's source: from `.venv/peers/`, or from the package registry.
"""

import json
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, normalizers
from tokenizers.models import BPE
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PreTrainedTokenizerFast,
)

from workers.engine import importance, library
from workers.engine.chunks import reader
from workers.engine.context import Row
from workers.engine.model import Model
from workers.models import checkpoint, converting, making, source
from workers.models.telling import Lines

CARD = "---\nlanguage: en\nlicense: apache-2.0\n---\n# A made model\n"
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
#: A tokenizer's own code, which must never run.
EVIL = "from pathlib import Path\nPath(__file__).with_name('ran').write_text('')\nclass Evil: ...\n"


@pytest.fixture(scope="module", autouse=True)
def converter() -> None:
    try:
        source.llama_cpp(Lines())
    except source.SourceMissing as missing:
        pytest.skip(str(missing))


def vocabulary() -> dict[str, int]:
    """Control tokens, all bytes, and letters: a tokenizer of Llama's kind."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    names += [*map(chr, range(ord("a"), ord("z") + 1)), "▁a", "th", "the", "▁the"]
    return {name: number for number, name in enumerate(names)}


def save(folder: Path, model: Any) -> None:
    words = BPE(
        vocab=vocabulary(),
        merges=[("▁", "a"), ("t", "h"), ("th", "e"), ("▁", "the")],
        unk_token="<unk>",
        byte_fallback=True,
        fuse_unk=True,
    )
    tokenizer = Tokenizer(words)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    model.save_pretrained(folder)
    (folder / "README.md").write_text(CARD)


@pytest.fixture
def llama_folder(tmp_path: Path) -> Path:
    """Random weights that 16 bits hold exactly."""
    torch.manual_seed(1)
    folder = tmp_path / "Tiny Llama"
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(vocabulary()), **SHAPE))
    save(folder, model.half().float())
    return folder


def logits(path: Path, tokens: list[int]) -> np.ndarray:
    library.quiet()
    model = Model(path)
    with reader(model, 256) as context:
        context.decode([Row(token, at, 0, True) for at, token in enumerate(tokens)])
        rows = [
            np.ctypeslib.as_array(
                llama.llama_get_logits_ith(context.handle, at), (model.vocab_size,)
            ).copy()
            for at in range(len(tokens))
        ]
    model.close()
    return np.stack(rows)


@pytest.mark.slow
def test_a_converted_model_computes_what_transformers_computes(llama_folder: Path) -> None:
    told = converting.run(Lines(), folder=str(llama_folder))
    assert told["name"] == "Tiny-Llama-F16"
    assert told["licence"] == "apache-2.0"
    tokens = [1, *np.random.default_rng(1).integers(3, len(vocabulary()), 60).tolist()]
    with torch.no_grad():
        model = LlamaForCausalLM.from_pretrained(llama_folder)
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    found = logits(Path(told["path"]), tokens)
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.02 * np.abs(expected).max()
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[clear].all()
    again = converting.run(Lines(), folder=str(llama_folder))  # nothing is done twice
    assert again == told
    assert making.shelf().find(told["name"]).origin.startswith("converted: Tiny Llama (Llama")


@pytest.mark.slow
def test_code_that_lies_in_the_folder_does_not_run(llama_folder: Path) -> None:
    (llama_folder / "evil.py").write_text(EVIL)
    for name, key in (("tokenizer_config.json", "AutoTokenizer"), ("config.json", "AutoConfig")):
        told = json.loads((llama_folder / name).read_text())
        value: Any = ["evil.Evil", None] if key == "AutoTokenizer" else "evil.Evil"
        (llama_folder / name).write_text(json.dumps(told | {"auto_map": {key: value}}))
    converting.run(Lines(), folder=str(llama_folder), type="bf16", name="careful")
    assert making.shelf().find("careful").examined
    assert not list(llama_folder.rglob("ran"))


@pytest.mark.slow
def test_the_experts_of_a_mixture_are_weighed_each_by_itself(tmp_path: Path) -> None:
    torch.manual_seed(2)
    folder = tmp_path / "Mix"
    config = MixtralConfig(
        vocab_size=len(vocabulary()), num_local_experts=4, num_experts_per_tok=2, **SHAPE
    )
    save(folder, MixtralForCausalLM(config).half().float())
    path = Path(converting.run(Lines(), folder=str(folder))["path"])
    found = importance.collect(path, "the theatre that a " * 200, 2, lambda _done, _total: None)
    counts = found.weights["blk.0.ffn_up_exps.weight"].counts
    assert counts.shape == (4,)
    assert counts.sum() == 2 * 2 * 512  # two experts for each token
    assert found.weights["blk.0.ffn_up_exps.weight"].squares.shape == (4, 64)
    assert (found.weights["blk.0.attn_q.weight"].counts == 2 * 512).all()


def test_what_is_no_model_folder(tmp_path: Path) -> None:
    with pytest.raises(checkpoint.NotACheckpoint, match="config"):
        converting.run(Lines(), folder=str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    with pytest.raises(checkpoint.NotACheckpoint, match="no files with tensors"):
        converting.run(Lines(), folder=str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 16)
    with pytest.raises(checkpoint.NotACheckpoint, match="no usable header"):
        converting.run(Lines(), folder=str(tmp_path))
    with pytest.raises(converting.TypeUnknown):
        converting.run(Lines(), folder=str(tmp_path), type="Q4_0")
    assert list(making.shelf()) == []


def test_what_is_known_before_a_conversion(llama_folder: Path) -> None:
    found = checkpoint.look(llama_folder)
    assert found.architecture == "LlamaForCausalLM"
    assert found.licence == "apache-2.0"
    model = LlamaForCausalLM.from_pretrained(llama_folder)
    assert found.parameters == sum(one.numel() for one in model.parameters())
    assert found.size == 2 * found.parameters


@pytest.mark.slow
def test_why_the_converter_gave_up(llama_folder: Path) -> None:
    config = json.loads((llama_folder / "config.json").read_text())
    odd = json.dumps(config | {"architectures": ["NobodysForCausalLM"], "model_type": "nobody"})
    (llama_folder / "config.json").write_text(odd)
    with pytest.raises(converting.NotConverted, match="Nobodys"):
        converting.run(Lines(), folder=str(llama_folder))
    assert not making.shelf().place("Tiny-Llama-F16").exists()
