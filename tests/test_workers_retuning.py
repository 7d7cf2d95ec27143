"""A machine that has become slower is measured anew, but only while nobody waits."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import MemoryEngine, Office

from workers import idle, preparation
from workers.engine import drift
from workers.engine import profile as profiles
from workers.engine.bundle import source
from workers.engine.drift import WINDOW_SECONDS
from workers.retuning import Retuner

RATE = 400.0  #: tokens/s that were measured once
PROFILE = replace(MemoryEngine.profile, prefill_rate=RATE)


class Measuring:
    """In place of the tuner: a process that takes so long."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.begun: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> "subprocess.Popen[bytes]":
        waiting = f"import time; time.sleep({self.seconds})"
        self.begun.append(subprocess.Popen([sys.executable, "-c", waiting]))
        return self.begun[-1]


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Measuring]:
    made = Measuring()
    monkeypatch.setattr(preparation, "retuning", made)
    yield made
    for process in made.begun:
        process.kill()
        process.wait()


@pytest.fixture
def place(data_folder: Path) -> Path:
    """Where the profile is kept, with one in it."""
    place = profiles.place(source(""))
    profiles.store(PROFILE, place, {})
    return place


def slower(share: float) -> MemoryEngine:
    """An engine that has read for a while, at a share of what was measured."""
    engine = MemoryEngine()
    tokens = round(share * RATE * WINDOW_SECONDS)
    engine.figures = replace(
        engine.figures, comparable_tokens=tokens, comparable_seconds=WINDOW_SECONDS
    )
    return engine


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("share", "times"), [(0.5, 1), (0.9, 0)])
def test_measures_once_when_it_has_become_slower(
    measuring: Measuring, share: float, times: int
) -> None:
    engine, retuner = slower(share), Retuner(source(""), lambda: False)
    for _ in range(3):
        assert not retuner.retune(engine)  # type: ignore[arg-type]
    assert len(measuring.begun) == times


def test_work_ends_it_and_it_is_taken_up_again(measuring: Measuring, place: Path) -> None:
    measuring.seconds = 60
    engine = slower(0.5)
    retuner = Retuner(source(""), lambda: bool(measuring.begun))
    assert not retuner.retune(engine)  # type: ignore[arg-type]
    assert measuring.begun[0].returncode is not None
    assert drift.noted(place)
    measuring.begun.clear()
    measuring.seconds = 0
    assert not retuner.retune(engine)  # type: ignore[arg-type]
    assert measuring.begun


@pytest.mark.usefixtures("migrated", "place")
def test_a_worker_does_it_in_its_idle_time(
    measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(idle, "QUIET_SECONDS", 0.05)
    office = Office(engine=slower(0.5))
    office.runtime.start()
    try:
        deadline = time.monotonic() + 20
        while not measuring.begun:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        office.runtime.leave()
    assert not office.runtime._idle._thread.is_alive()
