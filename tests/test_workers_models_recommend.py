"""The catalogue agrees with itself, and what is recommended fits."""

from pathlib import Path
from typing import Any

import pytest

from service.cli.__main__ import main
from workers.engine import profile
from workers.engine.bundle import bundled
from workers.engine.formats import FILES
from workers.engine.header import Memory
from workers.models import recommending
from workers.models.catalogue import BITS, CATALOGUE, Chinese, Entry, find
from workers.settings import Settings

#: Widths of a head that are not 128.
HEADS = {"llama-3.2-1b": 64, "gemma-3-1b": 256, "gemma-3-4b": 256, "gemma-3-12b": 256}
#: As published; unrelated to how they were computed.
KV_KIB = {"qwen2.5-1.5b": 28, "qwen2.5-7b": 56, "qwen3-0.6b": 112, "qwen3-4b": 144}
FILE_GB = {"qwen3-14b": 9.00, "qwen3-30b-a3b": 18.56, "llama-3.1-8b": 4.92, "gemma-3-12b": 7.3}


def weights(entry: Entry) -> tuple[float, float]:
    """Parameters that follow from a shape, with one matrix of the vocabulary and with two."""
    told, head = entry.shape, HEADS.get(entry.name, 128)
    shared = told.kv_width / told.layers / 2
    attention = 2 * told.width * (told.heads * head + shared)
    layers = told.layers * (attention + 3 * told.width * told.hidden)
    matrix = told.vocabulary * told.width
    return (layers + matrix) / 1e9, (layers + 2 * matrix) / 1e9


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e.shape.memory is not Memory.LATENT])
def test_published_sizes_follow_from_published_shapes(entry: Entry) -> None:
    assert any(abs(one / entry.active - 1) < 0.01 for one in weights(entry)), weights(entry)


def test_what_is_known_from_elsewhere() -> None:
    for name, kib in KV_KIB.items():
        assert named(name).shape.kv_width * 2 == kib * 1024
    for name, size in FILE_GB.items():
        assert named(name).bytes_in("Q4_K_M") / 1e9 == pytest.approx(size, rel=0.05)
    giant = named("deepseek-r1")
    assert giant.shape.kv_width == 61 * (512 + 64)  # one latent vector, and what is rotated


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
    assert set(BITS) <= set(FILES.values())


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


def test_speed_is_guessed_from_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recommended()["pace"] is None
    measured = profile.Profile(
        **{
            **{
                name: getattr(profile.fallback(Settings()), name)
                for name in profile.Profile.__dataclass_fields__
            },
            "weights": "Q8_0",
            "prefill_rate": 1_000.0,
            "decode_rate": 100.0,
        }
    )
    profile.store(measured, profile.place(bundled()), {})
    told = recommended(all=True)
    assert "smol" in told["pace"].casefold()
    giant, small = (
        next(one for one in told["models"] if one["name"] == name)
        for name in ("llama-3.3-70b", "qwen3-30b-a3b")
    )
    # 100 tokens/s of 134.5 million weights of 8.51 bits; 70.55 thousand million of 4.87 bits
    assert giant["guess"]["decode"] == pytest.approx(100 * 0.1345 * 8.51 / (70.55 * 4.87), rel=0.01)
    assert giant["guess"]["prefill"] == pytest.approx(1_000 * 0.1345 / 70.55, rel=0.01)
    assert small["guess"]["decode"] == pytest.approx(100 * 0.1345 * 8.51 / (3.35 * 4.87), rel=0.01)
    chosen = {one["name"] for one in recommended()["models"]}
    assert "llama-3.3-70b" not in chosen  # nobody waits for it


def test_by_command(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models", "recommend", "--memory", "12", "--language", "zh-TW", "--for", "summaries"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "./lectern models pull" in shown
    assert "KV (10 sequences of 4096 tokens)" in shown
    assert main(["models", "recommend", "--all"]) == 0
    assert "deepseek-r1" in capsys.readouterr().out
    assert main(["models", "recommend", "--memory", "0.1"]) == 0
    assert "Nothing of the catalogue" in capsys.readouterr().out
