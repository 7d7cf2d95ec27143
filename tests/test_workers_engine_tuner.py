"""The search over made figures, and one real quick run."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workers import tune
from workers.engine import locking as engine_locking
from workers.engine import profile as profiles
from workers.engine.knobs import knobs
from workers.engine.laboratory import Laboratory
from workers.engine.locking import locking
from workers.engine.profile import Profile, fallback
from workers.engine.topology import Core, Node, Topology
from workers.engine.tuner import STEPS, WORK, Knob, TrialFailed, Tuner
from workers.errors import TuningFailed
from workers.settings import Settings

FA = Knob("flash_attention", (False, True), ("prefill", "decode1"))
START = replace(fallback(Settings(model="own.gguf")), threads=4, prefill_threads=4)


class Machine:
    """Takes made seconds for each unit; its clock moves by what a measurement takes."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.now = 0.0
        self.asked: list[Profile] = []
        self._seconds = seconds

    def clock(self) -> float:
        return self.now

    def measure(self, profile: Profile, workloads: tuple[str, ...]) -> Mapping[str, float]:
        self.now += self._seconds
        self.asked.append(profile)
        return {name: self.figure(profile, name) for name in workloads}

    def figure(self, profile: Profile, workload: str) -> float:
        return 0.001 if workload == "prefill" else 0.01

    def tune(self, *tried: Knob, budget: float = 1000.0) -> Profile:
        return Tuner(self.measure, budget, clock=self.clock).run(START, tried)


def test_takes_what_saves_time_and_says_how_much() -> None:
    class Faster(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            return super().figure(profile, workload) * (0.8 if profile.flash_attention else 1)

    found = Faster().tune(FA)
    assert found.flash_attention
    (choice,) = found.choices
    assert choice.value == "True"
    assert choice.gain == pytest.approx(0.2)
    assert {(trial.value, trial.workload) for trial in found.measured if trial.knob == FA.name} == {
        (value, workload) for value in ("True", "False") for workload in FA.workloads
    }
    assert found.prefill_rate == pytest.approx(1250)
    assert found.decode_rate == pytest.approx(125)
    assert [step[:2] for step in found.step_cost] == list(STEPS.values())


@pytest.mark.parametrize("factor", [0.98, 1.0, 1.02])
def test_the_default_stays_when_little_is_saved(factor: float) -> None:
    class Close(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            return super().figure(profile, workload) * (factor if profile.flash_attention else 1)

    found = Close().tune(FA)
    assert not found.flash_attention
    assert found.choices[0].gain == 0


@pytest.mark.parametrize(("noise", "taken"), [(0.0, True), (0.1, False)])
def test_a_little_is_enough_when_every_turn_shows_it(noise: float, taken: bool) -> None:
    class Slightly(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            slow = 1 + noise * (len(self.asked) // 2 % 2)  # every other turn
            factor = 0.93 if profile.flash_attention else 1
            return super().figure(profile, workload) * slow * factor

    assert Slightly().tune(FA).flash_attention is taken


def test_one_slow_turn_decides_nothing() -> None:
    class Disturbed(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            slow = 3.0 if len(self.asked) == 1 else 1.0  # the first turn of the default
            return super().figure(profile, workload) * slow

    assert not Disturbed().tune(FA).flash_attention


def test_each_knob_is_settled_with_the_best_of_those_before() -> None:
    class Together(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            return super().figure(profile, workload) * (1 if profile.threads == 2 else 2)

    machine = Together()
    found = machine.tune(Knob("threads", (2, 4), ("decode1",)), FA)
    assert found.threads == 2
    assert {profile.threads for profile in machine.asked[-5:]} == {2}


def test_hopeless_values_are_measured_once() -> None:
    class Hopeless(Machine):
        def figure(self, profile: Profile, workload: str) -> float:
            return super().figure(profile, workload) * (5 if profile.flash_attention else 1)

    machine = Hopeless()
    machine.tune(FA)
    assert sum(profile.flash_attention for profile in machine.asked) == 1


def test_what_fails_is_not_chosen() -> None:
    class Failing(Machine):
        def measure(self, profile: Profile, workloads: tuple[str, ...]) -> Mapping[str, float]:
            if profile.flash_attention:
                raise TrialFailed
            return super().measure(profile, workloads)

    assert not Failing().tune(FA).flash_attention


def test_another_value_takes_the_place_of_a_default_that_fails() -> None:
    class Failing(Machine):
        def measure(self, profile: Profile, workloads: tuple[str, ...]) -> Mapping[str, float]:
            if not profile.flash_attention:
                raise TrialFailed
            return super().measure(profile, workloads)

    assert Failing().tune(FA).flash_attention


def test_stays_within_the_budget() -> None:
    machine = Machine(seconds=10)
    many = tuple(Knob("threads", (1, 2, 3, 4), ("decode1",)) for _ in range(9))
    found = machine.tune(*many, budget=100)
    assert machine.now <= 120
    assert found.prefill_rate > 0
    assert found.choices[-1].reason == "not measured: no time was left"
    assert found.threads == START.threads


def test_every_workload_of_a_knob_is_part_of_the_objective() -> None:
    machine = Topology((Node(0, tuple(Core((n, n + 8), 0) for n in range(8)), 0),), None)
    for quick in (True, False):
        wanted = knobs(machine, quick=quick, bfloat16=quick)
        assert {name for knob in wanted for name in knob.workloads} <= set(WORK)
        assert {knob.name for knob in wanted} <= set(Profile.__dataclass_fields__)
    threads = next(knob for knob in wanted if knob.name == "threads")
    assert threads.values == (16, 8, 7, 6, 4)
    limited = knobs(replace(machine, quota=2.5), quick=True, bfloat16=False)
    assert next(knob for knob in limited if knob.name == "threads").values == (2, 1)


def test_bfloat16_is_tried_where_there_are_units_for_it() -> None:
    machine = Topology((Node(0, (Core((0,), 0),), 0),), None)

    def formats(*, quick: bool, bfloat16: bool) -> tuple[str, ...]:
        wanted = knobs(machine, quick=quick, bfloat16=bfloat16)
        return next(knob for knob in wanted if knob.name == "weights").values

    assert formats(quick=True, bfloat16=False) == ("F16", "Q8_0")
    assert formats(quick=True, bfloat16=True) == ("F16", "BF16", "Q8_0")
    assert formats(quick=False, bfloat16=True) == ("F16", "BF16", "Q8_0", "shipped")


def test_weights_are_locked_where_the_limit_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(bytes(1 << 16))
    assert locking(file).value in {"True", "False"}
    monkeypatch.setattr(engine_locking, "_lockable", lambda _: False)
    refused = locking(file)
    assert refused.value == "False"
    assert "ulimit -l" in refused.reason
    monkeypatch.setattr(engine_locking, "available", lambda: 1000)
    assert "half of the free memory" in locking(file).reason


def test_a_process_that_ends_is_a_failed_trial(tmp_path: Path) -> None:
    nothing = tmp_path / "none.gguf"
    with Laboratory(lambda _: nothing, 1.0) as laboratory, pytest.raises(TrialFailed):
        laboratory.measure(START, ("decode1",))


@pytest.fixture
def one_knob(monkeypatch: pytest.MonkeyPatch, model_file: Path) -> Settings:
    """A search that is over soon: one knob, one thread, a file that need not be made."""
    monkeypatch.setattr(tune, "knobs", lambda *_, **__: (FA,))
    monkeypatch.setattr(tune, "QUICK_SECONDS", 8.0)
    return Settings(model=str(model_file), threads=1)


@pytest.mark.model
@pytest.mark.slow
def test_measures_the_real_model(one_knob: Settings, data_folder: Path) -> None:
    told: list[dict[str, Any]] = []
    found = tune.tune(one_knob, quick=True, tell=told.append)
    assert found.prefill_rate > 0
    assert all(seconds > 0 for _, _, seconds in found.step_cost)
    assert {line["measuring"] for line in told} == {"flash_attention", "figures"}
    source = Path(one_knob.model)
    assert profiles.measured(source) == found
    assert profiles.profile_for(one_knob, source) == found
    about = json.loads(profiles.place(source).read_text())["about"]
    assert about["model"] == source.name
    assert str(data_folder) in str(profiles.place(source))


def test_what_can_not_be_measured_is_not_tried_at_each_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Tuner):
        def run(self, start: Profile, knobs: tuple[Knob, ...]) -> Profile:
            raise TrialFailed("no memory")

    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(tune, "Tuner", Broken)
    chosen = Settings(model=str(file))
    with pytest.raises(TuningFailed, match="no memory"):
        tune.tune(chosen, quick=True, tell=lambda _: None)
    kept = profiles.measured(file)
    assert kept is not None
    assert kept.choices[0].reason == "could not be measured: no memory"
    assert not kept.prefill_rate
