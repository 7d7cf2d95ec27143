"""The doctor, the machine it looks at, and the pieces that must be there."""

import json
from pathlib import Path

import pytest

from service.cli import doctor, machine, parts
from service.cli.__main__ import main
from service.cli.doctor import Check, Verdict


def test_reads_the_cpu(tmp_path: Path) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text(
        "model name\t: Example 9000\nflags\t\t: fpu avx2 avx512f amx_int8\n\nprocessor : 1\n"
    )
    assert machine.cpu(source) == ("Example 9000", ["avx2", "avx512f", "amx_int8"])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_reads_the_quota_of_a_container(
    tmp_path: Path, files: dict[str, str], expected: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    allowed = machine.allowed_cpus(tmp_path)
    assert allowed == (expected or machine.allowed_cpus(tmp_path / "none"))


def test_reads_the_memory_limit_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    assert machine.memory_limit(tmp_path) == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory_limit(tmp_path) > 1_000_000


def test_prints_checks_and_fails_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [
        Check("python", Verdict.OK, "3.11"),
        Check("模型", Verdict.FAIL, "沒有模型檔", "set LECTERN_MODEL"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: iter(checks))
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["checks"]
    assert told[1] == {
        "name": "模型",
        "verdict": "fail",
        "found": "沒有模型檔",
        "way_out": "set LECTERN_MODEL",
    }
    assert main(["doctor"]) == 1
    assert "✗ fail  模型    沒有模型檔 → set LECTERN_MODEL" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["", "[]", '{"checks": [{}]}', '{"checks": 3}'])
def test_tolerates_whatever_the_workers_say(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENGINE_QUESTION", ["-c", f"print({answer!r})"])
    assert [check.verdict for check in doctor._engine()] == [Verdict.WARN]


def test_takes_over_what_the_workers_found(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"checks": [{"name": "rpc", "verdict": "ok", "found": "on"}]}
    monkeypatch.setattr(doctor, "ENGINE_QUESTION", ["-c", f"print({json.dumps(said)!r})"])
    assert list(doctor._engine()) == [Check("rpc", Verdict.OK, "on")]


def test_redis_gets_a_private_folder_and_the_forgotten_one_goes(tmp_path: Path) -> None:
    first = parts.new_redis_place(tmp_path)
    (first.folder / "redis.sock").touch()
    second = parts.new_redis_place(tmp_path)
    assert not first.folder.exists()
    assert second.folder.stat().st_mode & 0o777 == 0o700
    assert len(bytes(second.socket)) <= parts.SOCKET_PATH_BYTES
    assert first.password != second.password
    part = parts.redis(second, tmp_path)
    config = Path(part.command[1])
    assert config.stat().st_mode & 0o777 == 0o600
    assert f"requirepass {second.password}" in config.read_text()
    second.remove()
    assert not second.folder.exists()
