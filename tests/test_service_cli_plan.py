"""`lectern plan`: shows what the workers predict."""

import json

import pytest

from service.cli import plan
from service.cli.__main__ import main

WORDS = ["plan", "--model", "70B-Q4_K_M", "--sockets", "2", "--bandwidth", "204.8"]


def test_shows_the_figures_and_their_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--users", "3", "--price", "9000"]) == 0
    told = capsys.readouterr().out
    assert "Llama-3.3-70B Q4_K_M: 70.6 G weights, 4.82 bits each, 42.5 GB; KV 320 KiB" in told
    assert "an engine for each socket" in told
    assert "assumed: 32 cores a socket (--cores)" in told
    assert "reading 41.9 GB at 133 GB/s 315 ms" in told
    assert "one engine over all sockets instead: 3.59 tokens/s" in told
    assert "3 people ask 12 questions an hour: 47% of" in told
    assert "an hour costs 0.257" in told


def test_tells_programs_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"][0]["name"] == "one answer"
    assert all(one["low"] < one["value"] < one["high"] for one in told["figures"])
    assert told["placement"]["engines"] == 2


def test_compares_with_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--check"]) == 0
    told = capsys.readouterr().out
    assert "AMD EPYC 7763 × 2, placed" in told
    assert "decode: 20 figures, predicted ÷ published 1.05 in the middle" in told


def test_a_refusal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--model", "70B", "--hardware", "7950X", "--memory-gb", "32"]) == 1
    refused = capsys.readouterr().err
    assert "Llama-3.3-70B Q4_K_M does not fit: weights 42,512 MB" in refused
    assert refused.endswith("(plan_too_large)\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--model", "8B", "--check"],
        ["--model", "8B", "--users", "0"],
        ["--model", "8B", "--bandwidth", "-1"],
        ["--model", "8B", "--bandwidth", "100", "--memory", "ddr5-4800x2"],
    ],
)
def test_words_that_make_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", *words])
    assert ended.value.code == 2


def test_a_program_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "PROGRAM", ["-c", "pass"])
    assert main(["plan", "--check"]) == 1
