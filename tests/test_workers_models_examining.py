"""A stranger is loaded by a process that may die; what that process says is checked too."""

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import ggufs
import pytest
from conftest import forget_settings

from service.cli.__main__ import main
from workers import language
from workers.engine import gguf
from workers.engine.bundle import bundled
from workers.errors import ModelMissing, ModelUnusable
from workers.models import admission, allowed, errors, examining
from workers.models.examining import examine
from workers.models.ledger import Ledger
from workers.settings import Settings

SUM = hashlib.sha256(ggufs.whole()).hexdigest()


def altered(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """The bundled model with some bytes of its header replaced by as many others."""
    raw = bundled().read_bytes()
    for old, new in changes:
        assert len(old) == len(new)
        assert old in raw
        raw = raw.replace(old, new, 1)
    path.write_bytes(raw)
    return path


@pytest.mark.model
def test_a_real_model() -> None:
    found = examine(bundled())
    assert (found["architecture"], found["vocabulary"], found["context"]) == ("llama", 49152, 8192)
    assert (found["cuts"], found["recurrent"], found["hybrid"], found["window"]) == (
        True,
        False,
        False,
        0,
    )
    assert found["template"]
    assert found["wrote"]


@pytest.mark.model
def test_a_template_that_is_no_use(tmp_path: Path) -> None:
    template = str(gguf.read(bundled()).pairs["tokenizer.chat_template"])
    bad = "{% for m in messages %}{{ m.role }}{% endfor %}".ljust(len(template))
    with pytest.raises(ModelUnusable, match="leaves messages out"):
        examine(altered(tmp_path / "odd.gguf", (template.encode(), bad.encode())))


@pytest.mark.model
def test_weights_that_compute_no_numbers(tmp_path: Path) -> None:
    path = altered(tmp_path / "odd.gguf")
    tensors = gguf.read(path).tensors
    names = [tensor.name for tensor in tensors]
    norm = tensors[names.index("output_norm.weight")]
    with path.open("r+b") as file:
        file.seek(-sum(-(-t.size // 32) * 32 for t in tensors[names.index(norm.name) :]), 2)
        file.write(struct.pack("<f", float("nan")) * (norm.size // 4))
    with pytest.raises(ModelUnusable, match="no numbers"):
        examine(path)


@pytest.mark.model
def test_control_tokens_that_any_text_can_contain(tmp_path: Path) -> None:
    """A file that calls `<|im_start|>` “user-defined”: llama.cpp then sees it in documents."""
    raw = bundled().read_bytes()
    key = ggufs.text("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, 49152)
    place = raw.index(key) + len(key)
    path = tmp_path / "odd.gguf"
    path.write_bytes(raw[: place + 4] + struct.pack("<i", 4) + raw[place + 8 :])
    with pytest.raises(ModelUnusable, match=r"control token “<\|im_start\|>”"):
        examine(path)


@pytest.mark.model
def test_what_llama_cpp_refuses(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="could not load"):
        examine(ggufs.write(tmp_path / "no-layers.gguf"))


def test_what_is_wrong_at_first_sight_reaches_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_COMMAND", ["/nonexistent"])
    path = tmp_path / "odd.gguf"
    path.write_bytes(ggufs.whole()[:-100])
    with pytest.raises(ModelUnusable, match="tensors end"):
        examine(path)
    with pytest.raises(ModelMissing):
        examine(tmp_path / "none.gguf")


def said(words: Any, then: str = "") -> list[str]:
    return [sys.executable, "-c", f"import os; print({json.dumps(words)!r}, flush=True); {then}"]


GOOD = {
    "architecture": "llama",
    "parameters": 1,
    "context": 1,
    "vocabulary": 1,
    "cuts": True,
    "recurrent": False,
    "hybrid": False,
    "window": 0,
    "template": True,
    "thinks": False,
    "wrote": "",
}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([sys.executable, "-c", "import os; os.abort()"], "crashed on it .SIGABRT"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"], "SIGSEGV"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with 3"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "did not end"),
        ([sys.executable, "-c", "while True: print('x' * 9999)"], "did not end"),
        (said("nonsense"), "nonsense"),
        (said({}), "nonsense"),
        (said(GOOD | {"cuts": "yes"}), "nonsense"),
        (said({"error": "made to be"}), "made to be"),
        (said(GOOD, "os.abort()"), "SIGABRT"),
    ],
)
def test_a_process_that_dies_hangs_or_lies(
    command: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_COMMAND", command)
    with pytest.raises(ModelUnusable, match=reason):
        examine(ggufs.write(tmp_path / "m.gguf"), seconds=1.5)


def test_a_process_that_says_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "_COMMAND", said(GOOD))
    found = examine(ggufs.write(tmp_path / "m.gguf"))
    assert found["memory"] == "attention"
    assert GOOD.items() <= found.items()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The models that were examined, by a stand-in."""
    seen: list[Path] = []

    def examine(path: Path) -> dict[str, Any]:
        seen.append(path)
        return GOOD | {"library": admission.version(admission.LIBRARY)}

    monkeypatch.setattr(admission, "examine", examine)
    return seen


def test_a_stranger_is_examined_once(tmp_path: Path, asked: list[Path]) -> None:
    path = ggufs.write(tmp_path / "m.gguf")
    for _ in range(2):
        admission.admit(path, Settings())
    assert asked == [path]
    path.write_bytes(ggufs.whole({**ggufs.SIZES, "general.name": "another"}))
    admission.admit(path, Settings())
    assert asked == [path, path]
    admission.admit(bundled(), Settings())
    assert len(asked) == 2


def test_a_file_is_hashed_once(tmp_path: Path) -> None:
    path, heard = ggufs.write(tmp_path / "m.gguf"), []
    for _ in range(2):  # the second by another object, as in another process
        ledger = Ledger(tmp_path / "models")
        assert ledger.sha256(path, lambda done, _: heard.append(done)) == SUM
    assert len(heard) == 1
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert ledger.sha256(path) != SUM
    (tmp_path / "models" / "ledger.json").write_text("{")
    assert ledger.sha256(path) != SUM


def test_the_list_of_what_may_be_loaded(tmp_path: Path, asked: list[Path]) -> None:
    path = ggufs.write(tmp_path / "m.gguf")
    sums = tmp_path / "sums.txt"
    sums.write_text(f"# ours\n{SUM.upper()}  m.gguf\n\n")
    for setting in ("", SUM, f"{'0' * 64},{SUM}", str(sums)):
        admission.admit(path, Settings(model_allow=setting))
    for setting in ("0" * 64, str(sums)):
        with pytest.raises(errors.ModelNotAllowed):
            admission.admit(bundled(), Settings(model_allow=setting))


def test_a_list_that_cannot_be_read_allows_nothing(tmp_path: Path) -> None:
    sums = tmp_path / "sums.txt"
    sums.write_text("not a sum\n")
    for setting in (str(sums), str(tmp_path / "none.txt"), "0" * 63, str(tmp_path)):
        with pytest.raises(errors.AllowListUnusable):
            allowed.allowed(setting)
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert allowed.allowed(str(empty)) == frozenset()


def test_a_worker_loads_nothing_off_the_list(tmp_path: Path) -> None:
    path = ggufs.write(tmp_path / "m.gguf")
    for model in (str(path), ""):
        with pytest.raises(errors.ModelNotAllowed):
            language.load(Settings(model=model, model_allow="0" * 64))


def test_a_worker_loads_nothing_that_kills_its_examiner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        examining, "_COMMAND", [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]
    )
    with pytest.raises(ModelUnusable, match="SIGSEGV"):
        language.load(Settings(model=str(ggufs.write(tmp_path / "m.gguf"))))


@pytest.mark.model
def test_by_command(
    data_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_settings()
    here = ["--from", str(bundled().parent)]
    assert main([*here, "models", "examine", bundled().name]) == 0
    assert "its memory can be cut" in capsys.readouterr().out
    assert Ledger(data_folder / "models").examined(bundled())["cuts"] is True
