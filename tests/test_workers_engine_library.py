"""The self-check of the llama.cpp library, its log, and the cores it may use."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import llama_cpp.llama_cpp as llama
import pytest

from workers.engine import engine, library


def test_the_installed_library_is_the_pinned_one() -> None:
    library.check()
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert re.findall(r"llama-cpp-python==([\d.]+)", project) == [library.PINNED]


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PINNED", "0.0.1")
    with pytest.raises(library.LibraryUnusable, match=r"not 0\.0\.1"):
        library.check()


def test_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = SimpleNamespace(**{**library.EXPECTED_DEFAULTS, "n_ubatch": 0, "type_k": 7})
    monkeypatch.setattr(llama, "llama_context_default_params", lambda: shifted)
    with pytest.raises(library.LibraryUnusable, match="n_ubatch, type_k"):
        library.check()


def test_only_warnings_and_errors_of_the_library_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    relay = library._Relay()
    for level, text in [
        (2, b"loading"),
        (library.CONTINUES, b" still loading"),
        (3, b"odd"),
        (library.CONTINUES, b"and odder\n"),
        (4, b"bad \xff"),
        (4, b"\n"),
    ]:
        relay(level, text, None)
    told = [(record.levelno, record.message) for record in caplog.records]
    assert told == [
        (logging.WARNING, "odd"),
        (logging.WARNING, "and odder"),
        (logging.ERROR, "bad �"),
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "99900000 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
    ],
)
def test_cores_stay_within_a_containers_quota(
    tmp_path: Path, files: dict[str, str], expected: int | None
) -> None:
    unlimited = engine.usable_cores(tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert engine.usable_cores(tmp_path) == (expected or unlimited)
    assert unlimited >= 1
