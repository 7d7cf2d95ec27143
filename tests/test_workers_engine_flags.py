"""llama.cpp's starting flags: each has a setting, does what it says, and is shown."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engines import PROFILE, asked, opened, usage_of
from structlog.testing import capture_logs

from service.cli import doctor as launcher
from workers import doctor
from workers.engine import devices, flags, locking, profile, weights
from workers.engine.model import Model
from workers.engine.profile import fallback, overridden
from workers.engine.topology import Core, Node, Topology
from workers.settings import Settings

ROOT = Path(__file__).parent.parent
MACHINE = Topology((Node(0, tuple(Core((n,), 0) for n in range(16)), 0),), None)
FLAGS = [
    "--threads",
    "--threads-batch",
    "--ctx-size",
    "--batch-size",
    "--ubatch-size",
    "--mlock",
    "--mmap",
    "--numa",
    "--n-gpu-layers",
]
#: Locks a model in a process that may lock 64 kB only.
LIMITED = """
import ctypes, resource, sys
from pathlib import Path
from dataclasses import replace
from engines import PROFILE
from workers.engine import engine
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)
held = (ctypes.c_uint32 * 6)()
libc.capget(header, held)
held[0] &= ~(1 << 14)  # CAP_IPC_LOCK, by which root's processes know no limit
libc.capset(header, held)
engine._loaded(Path(sys.argv[1]), replace(PROFILE, mlock=True), None).close()
"""


def shown(given: dict[str, Any], file: Path) -> dict[str, flags.Flag]:
    settings = Settings(**given)
    chosen = overridden(fallback(settings), settings)
    return {flag.name: flag for flag in flags.flags(chosen, settings, MACHINE, file)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF" + bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"threads": 5}, "--threads", "5 of 16"),
        ({"threads": 5, "prefill_threads": 7}, "--threads-batch", "7 of 16"),
        ({"context": 8192}, "--ctx-size", "8192 for each of 10 sequences"),
        ({}, "--batch-size", "512"),
        ({"batch": 1024}, "--batch-size", "1024"),
        ({"batch": 2048}, "--batch-size", "2048"),
        ({"batch": 2048}, "--ubatch-size", "512"),
        ({"batch": 256}, "--ubatch-size", "256"),  # as llama.cpp has it
        ({"ubatch": 2048}, "--batch-size", "2048"),
        ({"mlock": "on"}, "--mlock", "on"),
        ({"mmap": "off"}, "--mmap", "off"),
        ({"mmap": "auto"}, "--mmap", "on"),
        ({"gpu_layers": -1}, "--n-gpu-layers", "all"),
        ({}, "--n-gpu-layers", "0; no GPU"),
    ],
)
def test_each_flag_follows_its_setting(
    given: dict[str, Any], name: str, value: str, file: Path
) -> None:
    assert shown(given, file)[name].found.startswith(value)


def test_every_flag_is_shown_with_the_setting_that_fixes_it(file: Path) -> None:
    found = shown({}, file)
    assert list(found) == FLAGS
    known = {f"LECTERN_{name.upper()}" for name in Settings.model_fields}
    assert {flag.setting for flag in found.values()} <= known


def test_doctor_shows_them() -> None:
    checks = {check["name"]: check for check in doctor.examine(Settings())["checks"]}
    assert {f"flag {name}" for name in FLAGS} <= checks.keys()
    address = launcher._address()
    assert (address.name, address.found[:14]) == ("flag --host --port", "127.0.0.1 8000")


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 4), (8, 6), (16, 12), (64, 48)])
def test_writing_begins_with_three_quarters_of_many_cores(
    cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "usable_cores", lambda: cores)
    found = fallback(Settings())
    assert (found.threads, found.prefill_threads) == (threads, cores)


def test_a_gpu_is_used_where_there_is_one_only(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(devices, "gpus", tuple)
    with capture_logs() as told:
        assert devices.offloaded(20) == devices.offloaded(-1) == 0
    assert {line["event"] for line in told} == {"no_gpu"}
    assert "CMAKE_ARGS" in shown({"gpu_layers": 20}, file)["--n-gpu-layers"].way_out
    monkeypatch.setattr(devices, "gpus", lambda: ("Made GPU",))
    assert (devices.offloaded(20), devices.offloaded(0)) == (20, 0)
    assert not shown({"gpu_layers": 20}, file)["--n-gpu-layers"].fault


def test_this_build_can_be_asked_for_gpus() -> None:
    assert isinstance(devices.gpus(), tuple)


def test_a_limit_that_forbids_locking_is_told_with_the_sum(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_000_000, 1_000_000))
    monkeypatch.setattr(locking, "_privileged", lambda: False)
    flag = shown({"mlock": "on"}, file)["--mlock"]
    assert flag.fault == "RLIMIT_MEMLOCK is 1 MB, the weights need 1 MB"
    assert "LimitMEMLOCK=infinity" in flag.way_out
    assert not shown({"mlock": "off"}, file)["--mlock"].fault
    monkeypatch.setattr(locking, "_privileged", lambda: True)
    assert not locking.shortfall(1 << 40)


@pytest.mark.model
def test_weights_are_pages_of_their_file_or_a_copy(model_file: Path, tmp_path: Path) -> None:
    own = shutil.copy(model_file, tmp_path / "own.gguf")  # others may have mapped the shared one
    for mmap in (True, False):
        model = Model(own, mmap=mmap)
        mapped = str(own) in Path("/proc/self/maps").read_text()
        model.close()
        assert mapped is mmap


@pytest.mark.model
def test_a_refused_lock_is_said_in_the_log() -> None:
    readable = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    source = weights.source("")
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source)],
        capture_output=True,
        text=True,
        check=True,
        env=readable,
        cwd=ROOT,
    )
    assert "weights_not_locked" in told.stdout
    assert "RLIMIT_MEMLOCK is 0 MB" in told.stdout
    assert "ulimit -l" in told.stdout


@pytest.mark.model
@pytest.mark.parametrize("batch", [1024, 2048])
def test_a_step_takes_as_many_tokens_as_the_batch(
    batch: int, model_file: Path, tmp_path: Path
) -> None:
    settings = Settings(batch=batch, threads=1)
    engine = opened(
        model_file, tmp_path, profile=overridden(PROFILE, settings), context=2048, batch_slots=1
    )
    try:
        words = "The levee was built in 1931. " * 60
        request = asked(engine, words, max_tokens=1, prefixes=())
        assert len(request.prompt) > PROFILE.batch_tokens
        before = engine.load().steps
        assert usage_of(engine.generate(request)).completion_tokens == 1
        assert engine.load().steps == before + 1
        assert engine._streams.batch_tokens == batch
    finally:
        engine.close()


def test_settings_are_numbers_that_make_sense() -> None:
    for given in ({"gpu_layers": -2}, {"batch": -1}, {"mmap": "perhaps"}):
        with pytest.raises(ValueError, match=next(iter(given))):
            Settings(**given)
