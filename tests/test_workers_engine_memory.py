"""Memory planned from a file's header, and refused with the sum."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from workers.engine import memory
from workers.engine.header import header
from workers.engine.profile import fallback
from workers.errors import MemoryTooSmall, ModelUnusable
from workers.settings import Settings

MB = 1 << 20


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def number(value: int) -> bytes:
    return struct.pack("<II", 4, value)


def numbers(*values: int) -> bytes:
    return struct.pack(f"<IIQ{len(values)}I", 9, 4, len(values), *values)


SIZES = {
    "general.architecture": struct.pack("<I", 8) + text("llama"),
    "llama.block_count": number(2),
    "llama.embedding_length": number(64),
    "llama.feed_forward_length": number(128),
    "llama.attention.head_count": number(8),
    "llama.attention.head_count_kv": number(2),
    "llama.context_length": number(1024),
    "tokenizer.ggml.tokens": struct.pack("<IIQ", 9, 8, 3) + b"".join(map(text, "abc")),
}


def gguf(path: Path, pairs: dict[str, bytes]) -> Path:
    body = b"".join(text(key) + value for key, value in pairs.items())
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return gguf(tmp_path / "small.gguf", SIZES)


def test_reads_a_header(model: Path) -> None:
    told = header(model)
    assert (told.layers, told.width, told.hidden, told.heads) == (2, 64, 128, 8)
    assert (told.trained_context, told.vocabulary) == (1024, 3)
    assert told.kv_width == 2 * 2 * (8 + 8)  # layers × KV heads × (K + V)


def test_reads_sizes_that_differ_by_layer(tmp_path: Path) -> None:
    odd = SIZES | {
        "llama.attention.head_count_kv": numbers(4, 0),
        "llama.attention.key_length": number(16),
        "llama.attention.value_length": number(4),
    }
    assert header(gguf(tmp_path / "odd.gguf", odd)).kv_width == 4 * 20


@pytest.mark.parametrize("kept", [4, 20, 60, 200])
def test_a_broken_header_is_named(model: Path, kept: int) -> None:
    model.write_bytes(model.read_bytes()[:kept])
    with pytest.raises(ModelUnusable, match="header"):
        header(model)


def test_plans_what_settings_ask_for(model: Path) -> None:
    settings = Settings(context=4096, batch_slots=3, interactive_slots=1, prefix_cache_mb=5)
    planned = memory.plan(model, settings, fallback(settings))
    assert planned.cells == 1024  # no more than the model was trained for
    assert planned.kv == 4 * 1024 * 64 * 2
    assert planned.prefixes == 5 * MB
    assert planned.weights == model.stat().st_size
    smaller = memory.plan(model, settings, replace(fallback(settings), kv_type="q8_0"))
    assert smaller.kv == planned.kv * 17 // 32


def test_attention_scores_are_not_kept_with_flash_attention(model: Path) -> None:
    settings = Settings()
    without = memory.plan(model, settings, fallback(settings))
    with_it = memory.plan(
        model,
        settings,
        replace(fallback(settings), flash_attention=True, batch_flash_attention=True),
    )
    assert with_it.compute < without.compute


def test_refuses_with_the_sum(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    monkeypatch.setattr(memory, "available", lambda _root: 100 * MB)
    with pytest.raises(MemoryTooSmall, match=r"small\.gguf .* 105 MB .* weights .* \+ KV ") as told:
        memory.require(model, settings, fallback(settings))
    assert told.value.code == "memory_too_small"
    monkeypatch.setattr(memory, "available", lambda _root: 200 * MB)
    assert memory.require(model, settings, fallback(settings)).needed < 200 * MB


def test_a_container_leaves_less(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    without = memory.available(tmp_path)
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("1000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert memory.available(tmp_path) == 2_500_000 < without
    (group / "memory.max").write_text("max\n")
    assert memory.available(tmp_path) > 2_500_000


@pytest.mark.model
def test_plans_the_real_model(model_file: Path) -> None:
    settings = Settings(context=4096, batch_slots=4, interactive_slots=2)
    planned = memory.plan(model_file, settings, fallback(settings))
    assert planned.kv == 540 * MB  # as llama.cpp says when it allocates it
    assert 87 * MB <= planned.compute <= 87 * MB * 1.4
