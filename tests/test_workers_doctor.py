"""What the workers say of the engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers import doctor
from workers.engine import library
from workers.settings import Settings

ROOT = Path(__file__).parent.parent


def test_tells_facts_and_checks_as_json(data_folder: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "workers.doctor", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "LECTERN_DATA": str(data_folder)},
    )
    found = json.loads(told.stdout)
    assert found["llama_cpp_python"] == library.PINNED
    assert found["features"]
    assert {type(found[name]) for name in ("native", "rpc", "mlock")} == {bool}
    assert found["model"]["ok"]
    assert found["model"]["size"] > 1_000_000
    assert found["embedder"]["ok"]
    assert found["cores"] >= 1
    for check in found["checks"]:
        assert set(check) == {"name", "verdict", "found", "way_out"}
        assert check["verdict"] in {"ok", "warn", "fail"}
    assert not {"torch", "sentence_transformers"} & {
        line.split("|")[-1].strip() for line in told.stderr.splitlines()
    }


def test_prints_lines_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["doctor"])
    doctor.main()
    assert f"ok    engine library: llama-cpp-python {library.PINNED}" in capsys.readouterr().out


def test_faults_are_told_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PINNED", "0.0.1")
    found = doctor.examine(Settings(model=str(tmp_path / "none.gguf")))
    verdicts = {check["name"]: check["verdict"] for check in found["checks"]}
    assert verdicts["engine library"] == verdicts["engine model"] == "fail"
    assert "none.gguf" in found["model"]["error"]
    served = doctor.examine(Settings(llm_url="http://127.0.0.1:1/v1", llm_model="large"))
    assert served["model"]["ok"]


def test_knows_what_the_build_leaves_unused(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu avx avx2 avx512f\n")
    built = "CPU : AVX = 1 | AVX2 = 1 | "
    assert doctor.unused_instructions(built, cpuinfo) == ["AVX512"]
    assert doctor.unused_instructions(built, tmp_path / "none") == []
