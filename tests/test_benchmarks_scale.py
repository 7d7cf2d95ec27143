"""The benchmark of growth, on a thousand made chunks in the real stores."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scale
from benchmarks.scaling.chart import MEMORY, chart
from benchmarks.scaling.made import CHINESE_EVERY, Maker, zipf

CHUNKS = 1_000


def test_made_documents_are_the_same_in_every_run() -> None:
    one, other = Maker().document(7), Maker().document(7)
    assert one.chunks == other.chunks
    assert np.array_equal(one.vectors, other.vectors)
    assert np.allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-5)
    assert Maker().document(CHINESE_EVERY - 1).chinese


def test_words_come_by_the_law() -> None:
    ranks = zipf(np.random.default_rng(0).random(200_000), 1_000)
    tenth, hundredth = (ranks == 9).mean(), (ranks == 99).mean()
    assert tenth / hundredth == pytest.approx(10, rel=0.2)
    assert ranks.max() == 999


@pytest.mark.slow
def test_a_small_run_finds_what_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, results = tmp_path / "stores", tmp_path / "results"
    words = f"--chunks {CHUNKS} --each 1 --json --folder {folder} --keep {results}"
    assert scale.main(words.split()) == 0
    (row,) = json.loads(next(results.glob("*.json")).read_text())["rows"]
    assert CHUNKS <= row["chunks"] < 1.5 * CHUNKS
    assert row["n"] == len(row["kinds"]) == 16
    assert row["found@10"] >= 0.6
    assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert all(row[key] > 0 for key in ("chroma_mb", "worker_mb", "database_disk_mb"))


def test_growth_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", *MEMORY), 10.0)
    chart([{"chunks": 1_000, **figures}, {"chunks": 10_000, **figures}], tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
