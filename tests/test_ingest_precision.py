"""Which arithmetic documents are embedded in: tried, and never at the price of other vectors."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from ingest import precision, processor
from ingest.embed import bundled


@pytest.fixture(scope="module")
def model() -> SentenceTransformer:
    return SentenceTransformer(str(bundled()), device="cpu", local_files_only=True)


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A processor that says it has them."""
    told = tmp_path / "cpuinfo"
    told.write_text("model name\t: made\nflags\t\t: fpu avx2 amx_bf16 amx_tile\n")
    monkeypatch.setattr(processor, "CPUINFO", told)
    return told


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Moments that a fake clock tells, one after the other."""
    moments: list[float] = []
    monkeypatch.setattr(precision.time, "perf_counter", lambda: moments.pop(0))
    yield moments
    assert not moments


def test_without_the_units_nothing_is_tried(
    model: SentenceTransformer, units: Path, clock: list[float]
) -> None:
    assert clock == []
    units.write_text("flags\t: fpu avx2 avx512f\n")
    assert precision.fastest(model) is model
    units.unlink()
    assert precision.fastest(model) is model


@pytest.mark.usefixtures("units")
def test_what_is_quicker_and_agrees_is_taken(
    model: SentenceTransformer, clock: list[float]
) -> None:
    clock += [0.0, 3.0, 5.0, 6.0]  # three seconds in float32, one in bfloat16
    chosen = precision.fastest(model)
    assert next(chosen.parameters()).dtype is torch.bfloat16
    assert next(model.parameters()).dtype is torch.float32
    texts = ["The chlorine failed for 47 minutes.", "One word"]
    near, exact = precision.vectors_of(chosen, texts), precision.vectors_of(model, texts)
    assert near.dtype == np.float32
    assert np.allclose(np.linalg.norm(near, axis=1), 1, atol=1e-6)
    assert (near * exact).sum(axis=1).min() > 0.998


@pytest.mark.usefixtures("units")
def test_what_is_no_quicker_or_says_something_else_is_not_taken(
    model: SentenceTransformer, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock += [0.0, 1.1, 2.0, 3.0]
    assert precision.fastest(model) is model
    monkeypatch.setattr(precision, "AGREES", 1.1)
    clock += [0.0, 9.0, 10.0, 11.0]
    assert precision.fastest(model) is model
