"""`lectern tune`: shows what the workers measure."""

import json
from typing import Any

import pytest

from service.cli import tune
from service.cli.__main__ import main

FOUND: dict[str, Any] = {
    "path": "profiles/one.json",
    "profile": {
        "prefill_rate": 312.4,
        "decode_rate": 51.2,
        "choices": [
            {"knob": "wait_policy", "value": "passive", "reason": "saves 9%", "gain": 0.09}
        ],
    },
}
LINES = [{"measuring": "wait_policy", "value": "None", "seconds": 3, "budget": 45}, FOUND]


def says(monkeypatch: pytest.MonkeyPatch, *lines: object) -> None:
    text = "\n".join(json.dumps(line) for line in lines)
    monkeypatch.setattr(tune, "PROGRAM", ["-c", f"print({text!r})"])


def test_shows_each_choice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, *LINES)
    assert main(["tune", "--quick"]) == 0
    told = capsys.readouterr().out
    assert "wait policy  passive  saves 9%" in told
    assert "prefill 312 tokens/s, one answer 51 tokens/s" in told


def test_tells_programs_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, *LINES)
    assert main(["tune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == FOUND


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([{"error": {"code": "model_missing", "message": "There is none."}}], "model_missing"),
        ([], "tuning_failed"),
    ],
)
def test_a_failure_is_one_line(
    lines: list[object],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    says(monkeypatch, *lines)
    assert main(["tune"]) == 1
    assert f"({code})" in capsys.readouterr().err
