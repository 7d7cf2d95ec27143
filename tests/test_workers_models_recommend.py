"""The catalogue agrees with what is published, and what is recommended fits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.cli.__main__ import main
from workers.engine import profile
from workers.engine.bundle import bundled
from workers.engine.header import Memory
from workers.models import recommending
from workers.models.catalogue import CATALOGUE, Chinese, Entry, find
from workers.settings import Settings

#: Thousand millions of weights, as their makers say.
WEIGHTS = {
    "gemma-3-1b": 1.0,
    "gemma-3-4b": 3.88,
    "phi-4-mini": 3.84,
    "mistral-7b-v0.3": 7.25,
    "breeze-7b-32k": 7.49,
    "llama-3-taiwan-8b": 8.03,
    "mistral-nemo-12b": 12.25,
    "r1-distill-qwen-1.5b": 1.78,
    "r1-distill-qwen-7b": 7.62,
    "r1-distill-qwen-14b": 14.77,
    "r1-distill-qwen-32b": 32.76,
}
#: As published; unrelated to how they are computed here.
KV_KIB = {"qwen2.5-1.5b": 28, "qwen2.5-7b": 56, "qwen3-0.6b": 112, "qwen3-4b": 144}
FILE_GB = {"qwen3-14b": 9.00, "qwen3-30b-a3b": 18.56, "breeze-7b-32k": 4.54, "gemma-3-12b": 7.3}


def test_what_is_known_from_elsewhere() -> None:
    for name, weights in WEIGHTS.items():
        assert named(name).planned.shape.weights / 1e9 == pytest.approx(weights, rel=0.005), name
    for name, kib in KV_KIB.items():
        assert named(name).header().kv_width * 2 == kib * 1024
    for name, size in FILE_GB.items():
        assert named(name).header().file_bytes / 1e9 == pytest.approx(size, rel=0.02), name
    giant = named("deepseek-r1").header()
    assert giant.memory is Memory.LATENT
    assert giant.kv_width == 61 * (512 + 64)  # one latent vector, and what is rotated


def test_a_window_saves_no_memory_in_our_engine() -> None:
    told = named("gemma-3-12b").header()
    assert told.memory is Memory.WINDOW
    assert told.kv_width == 48 * 8 * 256 * 2


def named(name: str) -> Entry:
    entry = find(name)
    assert entry is not None
    return entry


def test_entries_are_well_formed() -> None:
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
    assert find("QWEN3-8B") is not None
    assert find("none") is None
    for entry in CATALOGUE:
        assert entry.name == entry.name.casefold()
        assert "/" not in entry.name
        assert entry.repository.count("/") == 1
        assert entry.licence
        assert 1 <= entry.strength <= 10


def recommended(**words: Any) -> dict[str, Any]:
    return recommending.run(lambda *_: None, **words)


@pytest.mark.parametrize("gigabytes", [1, 4, 8, 16, 64, 256])
def test_picks_fit(gigabytes: int) -> None:
    told = recommended(memory_gb=gigabytes)
    assert len(told["models"]) <= recommending.PICKS
    for one in told["models"]:
        assert one["fit"]["fits"]
        assert one["fit"]["needed"] <= gigabytes * 1e9
        assert not one["reasons"]
    strengths = [one["strength"] for one in told["models"]]
    assert strengths == sorted(strengths, reverse=True)


def test_more_memory_gets_a_stronger_model() -> None:
    best = [recommended(memory_gb=gb)["models"][0]["strength"] for gb in (4, 8, 16, 64)]
    assert best == sorted(best)
    assert best[0] < best[-1]


def test_chinese_gets_models_that_write_it() -> None:
    for one in recommended(memory_gb=12, language="zh-TW")["models"]:
        assert one["chinese"] >= Chinese.FAIR


def test_speed_is_predicted_from_what_was_measured() -> None:
    assert recommended()["measured"] is None
    safe = profile.fallback(Settings())
    measured = replace(safe, weights="Q8_0", prefill_rate=1_000.0, decode_rate=100.0)
    profile.store(measured, profile.place(bundled()), {})
    told = recommended(all=True)
    assert "100 of an answer" in told["measured"]
    giant, large, sparse = (
        next(one for one in told["models"] if one["name"] == name)["guess"]
        for name in ("llama-3.3-70b", "qwen3-32b", "qwen3-30b-a3b")
    )
    # 100 tokens/s × 0.14 GB a token, against 42 GB
    assert 0.1 < giant["decode"] < 0.4
    assert giant["decode"] < large["decode"] < sparse["decode"]
    assert giant["prefill"] < large["prefill"] < sparse["prefill"]
    assert "llama-3.3-70b" not in {one["name"] for one in recommended()["models"]}


def test_by_command(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models", "recommend", "--memory", "12", "--language", "zh-TW", "--for", "summaries"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "./lectern models pull" in shown
    assert "(10 sequences of 4096 tokens)" in shown
    assert main(["models", "recommend", "--all"]) == 0
    assert "deepseek-r1" in capsys.readouterr().out
    assert main(["models", "recommend", "--memory", "0.1"]) == 0
    assert "Nothing of the catalogue" in capsys.readouterr().out
