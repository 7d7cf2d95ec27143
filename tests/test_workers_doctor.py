"""What the workers say of the engine."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fleet import free_port

from workers import doctor
from workers.engine import drift, library, memory, profile, weights
from workers.engine.profile import Choice, Trial
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


def test_shows_each_knob_with_what_was_measured() -> None:
    source = weights.source("")
    measured = replace(
        profile.fallback(Settings()),
        prefill_rate=300.0,
        measured=(
            Trial("flash_attention", "True", "decode1", 25.0, "ms"),
            Trial("flash_attention", "False", "decode1", 20.0, "ms"),
            Trial("chosen", "", "prefill", 300.0, "tokens/s"),
        ),
        choices=(Choice("flash_attention", "False", "True takes 25% more", 0.0),),
    )
    before = {check["name"]: check for check in doctor.examine(Settings())["checks"]}
    assert before["engine profile"]["verdict"] == "warn"
    assert "tune" in before["engine profile"]["way_out"]
    profile.store(measured, profile.place(source), {})
    found = doctor.examine(Settings())
    after = {check["name"]: check["found"] for check in found["checks"]}
    assert after["engine profile"] == "prefill 300 tokens/s"
    assert after["engine flash attention"].startswith("False, True takes 25% more; True: 1 row 25")
    assert "KV" in after["engine memory"]
    assert found["profile"]["prefill_rate"] == 300
    assert not drift.Drift(measured, profile.place(source)).tell(1, 1.0)
    drift.Drift(measured, profile.place(source)).tell(30_000, 300.0)
    slower = {check["name"]: check for check in doctor.examine(Settings())["checks"]}
    assert slower["engine profile"]["verdict"] == "warn"


def test_memory_that_is_too_small_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000)
    checks = {check["name"]: check for check in doctor.examine(Settings())["checks"]}
    assert checks["engine memory"]["verdict"] == "warn"
    assert "free" in checks["engine memory"]["found"]


def test_hosts_are_asked_one_by_one(model_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        away = free_port()
        servers = f"127.0.0.1:{busy.getsockname()[1]},127.0.0.1:{away}"
        found = doctor.examine(Settings(model=str(model_file), rpc_servers=servers))
    lines = [(one["verdict"], one["found"]) for one in found["checks"] if "RPC" in one["name"]]
    assert [verdict for verdict, _ in lines] == ["ok", "fail"]
    assert "serves somebody" in lines[0][1]
    assert "refused" in lines[1][1]
    told = {one["name"]: one["found"] for one in found["checks"]}
    assert "not known" in told["engine memory"]
    assert "not measured" in told["engine profile"]
    wrong = doctor.examine(Settings(model=str(model_file), rpc_servers="a:b"))
    assert "fail" in {one["verdict"] for one in wrong["checks"] if one["name"] == "RPC hosts"}
