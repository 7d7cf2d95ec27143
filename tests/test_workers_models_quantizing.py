"""Formats of the bundled model, made and compared; what is refused before anything is made."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from service.cli.__main__ import main
from workers.models import (
    calibrating,
    comparison,
    making,
    matrix,
    quantizing,
    reporting,
    speeds,
    texts,
)
from workers.models.shelf import ModelThere
from workers.models.telling import Lines

pytestmark = pytest.mark.model


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round of timing in place of five."""
    monkeypatch.setattr(speeds, "ROUNDS", 1)


def quantize(name: str, *to: str, **words: str) -> dict[str, object]:
    return quantizing.run(Lines(), name=name, to=list(to), **words)


@pytest.mark.slow
@pytest.mark.usefixtures("quick", "migrated")
def test_formats_are_made_once_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "held.txt"
    short.write_text(texts.HELD_OUT.read_text()[:6_000])
    monkeypatch.setattr(texts, "HELD_OUT", short)
    assert quantize("bundled", "F16") == {"made": ["bundled-F16"], "fresh": 1, "report": None}
    made = quantize("bundled-F16", "q8_0")
    assert made["made"] == ["bundled-Q8_0"]
    base, row = made["report"]["rows"]
    assert (base["name"], row["name"]) == ("bundled-F16", "bundled-Q8_0")
    assert base["bits"] == pytest.approx(16, abs=0.1)
    assert 8 < row["bits"] < 9
    assert 0 < row["reading"]["divergence"]["mean"] < 0.05
    assert row["speed"]["decode"]["middle"] > 0
    assert ET.parse(made["report"]["chart"]).getroot().tag.endswith("svg")
    model = making.shelf().find("bundled-Q8_0")
    assert model.origin == "quantised: bundled-F16 as Q8_0"
    assert model.examined
    assert {path.name for path in model.folder.iterdir()} == {
        "bundled-Q8_0.gguf", "made.json", "model.json", "report.json",
    }  # fmt: skip

    def fail(*_: object) -> None:
        raise AssertionError("it was read again")

    with monkeypatch.context() as patched:
        patched.setattr(comparison, "Reference", fail)
        again = quantize("bundled-F16", "Q8_0")
    assert again["fresh"] == 0
    assert again["report"]["rows"][1]["reading"] == row["reading"]
    capsys.readouterr()
    told = json.dumps({"result": again["report"]})
    monkeypatch.setattr("service.cli.models.PROGRAM", ["-c", f"print({told!r})"])
    assert main(["models", "report", "bundled-Q8_0"]) == 0
    shown = capsys.readouterr().out
    assert "bundled-Q8_0" in shown
    assert "chart: " in shown
    with pytest.raises(quantizing.MatrixNeeded, match="imatrix bundled-F16"):
        quantize("bundled-F16", "Q4_0", "IQ2_XXS")
    assert [each.name for each in making.shelf()] == ["bundled-F16", "bundled-Q8_0"]
    with pytest.raises(quantizing.MatrixMissing):
        quantize("bundled-F16", "Q4_0", imatrix="auto")
    with pytest.raises(ModelThere):
        quantize("bundled-F16", "Q4_0", name_as="bundled-Q8_0")
    with pytest.raises(quantizing.QuantisedAlready):
        quantize("bundled-Q8_0", "Q4_0")
    weigh(short)
    with pytest.raises(Exception, match="fewer than"):  # all of it made the matrix
        quantize("bundled-F16", "Q4_0", imatrix="auto")
    assert making.how("bundled-Q4_0-imatrix")["matrix"]["datasets"] == ["held.txt"]


def weigh(text: Path) -> None:
    told = calibrating.run(Lines(), name="bundled-F16", text=[str(text)], chunks=2)
    assert told["chunks"] == 2
    found = matrix.read(Path(told["path"]))
    assert len(found.weights) == told["weights"] == 210


def test_what_is_refused_at_once() -> None:
    with pytest.raises(quantizing.FormatUnknown, match="Q4_K_M"):
        quantize("bundled", "Q9")
    with pytest.raises(quantizing.OneNameOnly):
        quantize("bundled", "F16", "Q8_0", name_as="one")
    with pytest.raises(quantizing.QuantisedAlready, match="Q4_1"):
        quantize("bundled", "Q4_K_M")
    with pytest.raises(reporting.BaseUnknown):
        reporting.run(Lines(), names=["bundled"])
    assert list(making.shelf()) == []


def test_ctrl_c_leaves_nothing(data_folder: Path) -> None:
    words = json.dumps({"name": "bundled", "to": ["F32"]})
    with subprocess.Popen(
        [sys.executable, "-m", "workers.models", "quantize", words], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if json.loads(line)["doing"].startswith("making"):
                break
        time.sleep(0.1)
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == making.STOPPED
    assert list((data_folder / "models").iterdir()) == []
