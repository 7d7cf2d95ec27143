"""Importance matrices, formats and how well a model reads, on the real model; files of matrices."""

from math import exp
from pathlib import Path

import gguf
import numpy as np
import pytest

from workers.engine import bundle, importance, library, quality, quantiser
from workers.engine.chunks import CHUNK, chunked
from workers.engine.importance import Importance, Sums
from workers.engine.model import Model
from workers.errors import ModelUnusable
from workers.models import matrix, sentences, texts

pytestmark = pytest.mark.model

WORDS = texts.HELD_OUT.read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model as F16."""
    library.quiet()
    path = tmp_path_factory.mktemp("whole") / "F16.gguf"
    quantiser.quantise(bundle.bundled(), path, "F16", None, lambda _done, _total: None)
    return path


@pytest.fixture(scope="module")
def weighed(whole: Path) -> Importance:
    return importance.collect(whole, WORDS, 1, lambda _done, _total: None)


def embeddings(path: Path) -> np.ndarray:
    """Of every token: float32, vocabulary × width."""
    (found,) = (t for t in gguf.GGUFReader(path).tensors if t.name == "token_embd.weight")
    return np.asarray(found.data, np.float32)


def test_the_first_weights_are_multiplied_with_the_normed_embeddings(
    whole: Path, weighed: Importance
) -> None:
    model = Model(whole)
    (chunk,) = chunked(model, WORDS, 1)
    model.close()
    rows = embeddings(whole)[chunk].astype(np.float64)
    normed = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-5)
    (gain,) = (t.data for t in gguf.GGUFReader(whole).tensors if t.name == "blk.0.attn_norm.weight")
    expected = ((normed * gain.astype(np.float64)) ** 2).sum(axis=0)
    for name in ("attn_q", "attn_k", "attn_v"):
        found = weighed.weights[f"blk.0.{name}.weight"]
        np.testing.assert_allclose(found.squares[0], expected, rtol=1e-4)
        assert found.counts.tolist() == [CHUNK]


def test_every_matrix_of_every_block_is_weighed_and_nothing_else(weighed: Importance) -> None:
    assert len(weighed.weights) == 30 * 7
    assert all(name.startswith("blk.") for name in weighed.weights)
    assert weighed.chunks == 1
    assert all((sums.squares >= 0).all() for sums in weighed.weights.values())


def test_what_goes_wrong_inside_the_library_is_not_lost(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise MemoryError("no room")

    monkeypatch.setattr(importance.Collector, "_add", fail)
    with pytest.raises(MemoryError, match="no room"):
        importance.collect(whole, WORDS, 1, lambda _done, _total: None)


def test_a_matrix_is_the_same_when_read_again(weighed: Importance, tmp_path: Path) -> None:
    path = tmp_path / "imatrix.gguf"
    seen = sentences.digests(WORDS)
    told = Importance(weighed.weights, 7, CHUNK, ("a.txt", "b.txt"), seen)
    matrix.write(told, path)
    found = matrix.read(path)
    assert (found.chunks, found.chunk, found.datasets) == (7, CHUNK, ("a.txt", "b.txt"))
    assert found.sentences == seen
    for name, means in told.means().items():
        np.testing.assert_allclose(found.means()[name], means, rtol=1e-6)
    assert matrix.described(found)["chunks"] == 7


def test_experts_that_were_never_asked_count_alike(tmp_path: Path) -> None:
    sums = Sums(np.array([[8.0, 2.0], [0.0, 0.0]]), np.array([2, 0]))
    told = Importance({"blk.0.ffn_up_exps.weight": sums}, 1, CHUNK, ("x",))
    assert told.means()["blk.0.ffn_up_exps.weight"].tolist() == [4.0, 1.0, 1.0, 1.0]
    matrix.write(told, tmp_path / "m.gguf")
    again = matrix.read(tmp_path / "m.gguf").means()
    assert again["blk.0.ffn_up_exps.weight"].tolist() == [4.0, 1.0, 1.0, 1.0]


def test_what_is_no_matrix_is_refused(whole: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.gguf"
    odd.write_bytes(b"GGUF" + bytes(40))
    for path in (whole, odd, tmp_path / "absent.gguf"):
        with pytest.raises(matrix.MatrixUnusable):
            matrix.read(path)


def test_a_dry_run_says_what_a_file_will_measure(whole: Path, tmp_path: Path) -> None:
    told = quantiser.estimate(whole, "Q4_0")
    path, steps = tmp_path / "Q4_0.gguf", []
    made = quantiser.quantise(whole, path, "Q4_0", None, lambda d, t: steps.append((d, t)))
    assert made == told
    assert abs(path.stat().st_size - told.size) < 4_000_000  # the vocabulary
    assert steps[-1][0] == steps[-1][1] == len(gguf.GGUFReader(path).tensors)
    assert steps == sorted(steps)


@pytest.mark.slow
def test_a_matrix_makes_another_file_that_says_so(
    whole: Path, weighed: Importance, tmp_path: Path
) -> None:
    bare, cared = tmp_path / "bare.gguf", tmp_path / "cared.gguf"
    quantiser.quantise(whole, bare, "Q4_0", None, lambda _done, _total: None)
    quantiser.quantise(whole, cared, "Q4_0", weighed, lambda _done, _total: None)
    reader = gguf.GGUFReader(cared)
    assert reader.get_field("quantize.imatrix.entries_count").contents() == 210
    first, second = (
        {t.name: t.data.tobytes() for t in gguf.GGUFReader(path).tensors} for path in (bare, cared)
    )
    assert first.keys() == second.keys()
    assert first["blk.0.attn_q.weight"] != second["blk.0.attn_q.weight"]


def test_very_small_formats_need_a_matrix(whole: Path, weighed: Importance) -> None:
    assert quantiser.estimate(whole, "IQ2_XXS").needs_matrix
    assert not quantiser.estimate(whole, "IQ2_XXS", weighed).needs_matrix
    assert not quantiser.estimate(whole, "Q4_K_M").needs_matrix


def test_why_nothing_was_made_is_told(whole: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(whole.read_bytes()[:1_000_000])
    with pytest.raises(ModelUnusable, match="could not be made Q8_0"):
        quantiser.quantise(broken, tmp_path / "x", "Q8_0", None, lambda _done, _total: None)


@pytest.mark.slow
def test_a_model_reads_as_itself(whole: Path, model_file: Path, tmp_path: Path) -> None:
    with quality.Reference(whole, WORDS, 1, tmp_path, lambda _done, _total: None) as reference:
        same = reference.compare(whole, lambda _done, _total: None)
        other = reference.compare(model_file, lambda _done, _total: None)
    assert same.tokens == quality.SCORED
    assert same.loss == reference.loss
    assert same.divergence.mean < 1e-5  # what is kept of the odds is rounded
    assert same.agreement.mean == 1
    assert 5 < exp(same.loss.mean) < 200
    assert same.divergence.mean < other.divergence.mean < 0.05
    assert other.agreement.mean > 0.9
    assert list(tmp_path.iterdir()) == []


def test_a_text_must_fill_a_chunk(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(quality.TextTooShort):
        quality.Reference(whole, "Too short.", None, tmp_path, lambda _done, _total: None)
