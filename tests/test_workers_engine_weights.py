"""Which file is loaded, made once and whole; and files that can't be."""

import threading
from pathlib import Path

import ggufs
import llama_cpp.llama_cpp as llama
import pytest

from workers.engine import bundle, quality, weights
from workers.engine.model import Model
from workers.errors import ModelMissing, ModelUnusable

FASTER = "SmolLM2-135M-Instruct.Q8_0.gguf"


@pytest.fixture
def quantised(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A quick stand-in for re-quantising; the list tells how often it was asked."""
    asked: list[bytes] = []

    def quantise(source: bytes, target: bytes, _params: object) -> int:
        asked.append(target)
        Path(target.decode()).write_bytes(b"GGUF but smaller")
        return 0

    monkeypatch.setattr(llama, "llama_model_quantize", quantise)
    monkeypatch.setattr(quality, "divergence", lambda *_: 0.003)
    return asked


@pytest.mark.parametrize("form", ["Q8_0", "F16", "BF16"])
def test_makes_the_wanted_format(tmp_path: Path, quantised: list[bytes], form: str) -> None:
    made = weights.chosen("", tmp_path, form)
    assert made.name == f"SmolLM2-135M-Instruct.{form}.gguf"
    assert weights.present("", tmp_path, form) == made


def test_the_shipped_file_needs_no_copy(tmp_path: Path, quantised: list[bytes]) -> None:
    assert weights.chosen("", tmp_path, weights.SHIPPED) == bundle.bundled()
    assert not quantised
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lost", [0.02, float("nan")])
def test_what_loses_too_much_is_not_used_and_not_tried_again(
    tmp_path: Path, quantised: list[bytes], monkeypatch: pytest.MonkeyPatch, lost: float
) -> None:
    monkeypatch.setattr(quality, "divergence", lambda *_: lost)
    assert weights.chosen("", tmp_path) == bundle.bundled()
    assert weights.chosen("", tmp_path) == bundle.bundled()
    assert len(quantised) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".lock", ".refused"}


def test_makes_the_faster_file_once_and_whole(tmp_path: Path, quantised: list[bytes]) -> None:
    models = tmp_path / "not" / "there"
    made = weights.chosen("", models)
    assert made.read_bytes() == b"GGUF but smaller"
    assert weights.chosen("", models) == made
    assert len(quantised) == 1
    assert not quantised[0].endswith(b".gguf")
    assert {path.name for path in models.iterdir()} == {made.name, made.stem + ".lock"}


def test_workers_that_start_together_make_it_once(tmp_path: Path, quantised: list[bytes]) -> None:
    threads = [threading.Thread(target=weights.chosen, args=("", tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(quantised) == 1


def test_a_rest_of_an_interrupted_try_is_written_over(
    tmp_path: Path, quantised: list[bytes]
) -> None:
    (tmp_path / FASTER).with_suffix(".part").write_bytes(b"half")
    assert weights.chosen("", tmp_path).read_bytes() == b"GGUF but smaller"


def test_failing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "llama_model_quantize", lambda *_: 1)
    with pytest.raises(ModelUnusable, match="re-quantised"):
        weights.chosen("", tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_the_operators_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own.gguf"
    with pytest.raises(ModelMissing):
        weights.chosen(str(file), tmp_path)
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelUnusable, match="not a GGUF"):
        weights.chosen(str(file), tmp_path)
    ggufs.write(file)
    assert weights.chosen(str(file), tmp_path) == file
    with pytest.raises(ModelMissing):
        weights.chosen(str(tmp_path), tmp_path)


def test_says_what_would_be_loaded(tmp_path: Path) -> None:
    assert weights.present("", tmp_path) == bundle.bundled()
    (tmp_path / FASTER).touch()
    assert weights.present("", tmp_path) == tmp_path / FASTER
    with pytest.raises(ModelMissing):
        weights.present("own.gguf", tmp_path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "PACKAGE", "no_such_package")
    with pytest.raises(ModelMissing):
        weights.chosen("", Path())


@pytest.mark.parametrize("kept", [4, 1000, 3_000_000])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    part = tmp_path / "part.gguf"
    with bundle.bundled().open("rb") as whole:
        part.write_bytes(whole.read(kept))
    with pytest.raises(ModelUnusable):
        Model(part)


@pytest.mark.model
def test_the_real_one_loads_and_differs_from_its_source(model_file: Path) -> None:
    made, source = Model(model_file), Model(bundle.bundled())
    assert made.vocab_size == source.vocab_size
    assert made.fingerprint != source.fingerprint
    assert made.tokens("The same words.") == source.tokens("The same words.")
    for model in (made, source):
        model.close()
        model.close()


@pytest.mark.model
def test_the_real_one_has_lost_next_to_nothing(model_file: Path) -> None:
    assert 0 < quality.divergence(bundle.bundled(), model_file) < weights.MOST_LOST
    assert quality.divergence(model_file, model_file) == 0
