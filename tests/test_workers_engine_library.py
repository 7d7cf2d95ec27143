"""The self-check of the llama.cpp library, and its log."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import llama_cpp.llama_cpp as llama
import pytest

from workers.engine import library


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
