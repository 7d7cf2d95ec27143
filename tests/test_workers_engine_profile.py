"""Profiles: kept, overridden knob by knob, told apart by machine and model, explained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workers import preparation
from workers.engine import drift, explanation, profile
from workers.engine.machine import Machine, machine
from workers.engine.profile import Choice, Profile, Trial
from workers.engine.topology import Core, Node, Topology
from workers.settings import Settings

MEASURED = Profile(
    weights="F16",
    threads=3,
    prefill_threads=4,
    ubatch_tokens=256,
    flash_attention=True,
    batch_flash_attention=True,
    repack=False,
    mlock=True,
    kv_type="f16",
    wait_policy="passive",
    step_cost=((1, 1, 0.02), (8, 1, 0.08)),
    prefill_rate=300.0,
    decode_rate=50.0,
    measured=(
        Trial("flash_attention", "False", "decode1", 25.0, "ms"),
        Trial("flash_attention", "True", "decode1", 20.0, "ms"),
        Trial("chosen", "", "prefill", 300.0, "tokens/s"),
    ),
    choices=(Choice("flash_attention", "True", "saves 20% against False", 0.2),),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    return file


def test_is_kept_and_found_again(model: Path) -> None:
    assert profile.measured(model) is None
    place = profile.place(model)
    profile.store(MEASURED, place, {"model": "own"})
    assert profile.measured(model) == MEASURED
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_another_model_or_machine_has_another(model: Path, tmp_path: Path) -> None:
    here = machine()
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF" + bytes(1001))
    keys = {here.key(model), here.key(other), replace(here, cores=here.cores + 1).key(model)}
    assert len(keys) == 3
    assert machine().key(model) == here.key(model)


def test_reads_the_processor(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "model name\t: Example 9000\nflags\t\t: sse avx2\n\nmodel name\t: another\n"
    )
    found: Machine = machine(tmp_path)
    assert (found.cpu, found.flags) == ("Example 9000", "avx2 sse")


@pytest.mark.parametrize("text", ["", "{}", '{"profile": {"threads": 1}}', "[1]", '{"profile": 3}'])
def test_a_damaged_file_is_as_good_as_none(model: Path, text: str) -> None:
    place = profile.place(model)
    place.parent.mkdir(parents=True)
    place.write_text(text)
    assert profile.measured(model) is None


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"threads": 1}, "threads", 1),
        ({"threads": 1}, "prefill_threads", 1),
        ({"threads": 1, "prefill_threads": 2}, "prefill_threads", 2),
        ({"ubatch": 1024}, "ubatch_tokens", 1024),
        ({"flash_attention": "off"}, "flash_attention", False),
        ({"repack": "on"}, "repack", True),
        ({"kv_type": "q8_0", "flash_attention": "off"}, "flash_attention", True),
        ({"weights": "Q8_0"}, "weights", "Q8_0"),
        ({"model": "own.gguf"}, "weights", "shipped"),
    ],
)
def test_the_operators_word_goes_first(given: dict[str, Any], field: str, value: object) -> None:
    found = profile.overridden(MEASURED, Settings(**given))
    assert getattr(found, field) == value
    assert not found.step_cost  # it was measured with another value
    assert not found.prefill_rate


def test_what_nobody_fixed_stays(model: Path) -> None:
    assert profile.overridden(MEASURED, Settings()) == MEASURED
    same = Settings(threads=3, prefill_threads=4, flash_attention="on", mlock="off")
    assert profile.overridden(MEASURED, same) == replace(MEASURED, mlock=False)


def test_is_safe_before_anything_was_measured(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = profile.profile_for(Settings(model=str(model)), model)
    assert (found.weights, found.flash_attention, found.ubatch_tokens) == ("shipped", False, 512)
    assert found.threads >= 1
    monkeypatch.setattr(profile, "ROOM_FOR_F16", 1)
    assert profile.fallback(Settings()).weights == "F16"
    monkeypatch.setattr(profile, "ROOM_FOR_F16", 1 << 60)
    assert profile.fallback(Settings()).weights == "Q8_0"


@pytest.mark.parametrize(
    ("policy", "environment"),
    [
        (None, {}),
        ("passive", {"OMP_WAIT_POLICY": "passive"}),
        ("spin:10000", {"GOMP_SPINCOUNT": "10000"}),
    ],
)
def test_the_wait_policy_goes_into_the_environment(
    policy: str | None, environment: dict[str, str]
) -> None:
    assert profile.environment(policy) == environment


def test_a_worker_measures_before_its_first_start_only(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measure() -> None:
        asked.append(model)
        profile.store(MEASURED, profile.place(model), {})

    monkeypatch.setattr(preparation, "_measure", measure)
    monkeypatch.setattr(preparation, "admit", lambda *_: None)  # it is no model
    monkeypatch.setattr(preparation, "settings", lambda: Settings(model=str(model)))
    for _ in range(2):
        assert preparation.openmp() == {"OMP_WAIT_POLICY": "passive"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    "given", [{"tune": "off"}, {"llm_url": "http://127.0.0.1:1"}, {"model": "none.gguf"}]
)
def test_a_worker_that_may_not_measure_starts_all_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    monkeypatch.setattr(preparation, "_measure", lambda: pytest.fail("it was not to be measured"))
    monkeypatch.setattr(preparation, "admit", lambda *_: None)
    monkeypatch.setattr(preparation, "settings", lambda: Settings(**{"model": str(model), **given}))
    assert preparation.openmp() == {}


def test_notices_drift_and_its_end(model: Path) -> None:
    place = profile.place(model)
    profile.store(MEASURED, place, {})
    watch = drift.Drift(MEASURED, place)
    assert not watch.tell(100, 1.0)  # slow, but not for long
    assert watch.tell(30_000, 300.0)
    assert "100 of 300 tokens/s" in drift.noted(place)
    assert not watch.tell(90_000, 300.0)
    assert not drift.noted(place)


@pytest.mark.parametrize(("rate", "drifted"), [(0.0, False), (239.0, True), (241.0, False)])
def test_judges_throughput(rate: float, drifted: bool) -> None:
    assert MEASURED.drifted(rate) is drifted
    assert not replace(MEASURED, prefill_rate=0.0).drifted(rate)


def test_explains_each_knob() -> None:
    ((knob, words),) = explanation.knobs(MEASURED, set())
    assert knob == "flash_attention"
    assert words == "True, saves 20% against False; False: 1 row 25 ms; True: 1 row 20 ms"
    ((_, fixed),) = explanation.knobs(MEASURED, {"flash_attention"})
    assert "set by the operator" in fixed
    assert explanation.figures(MEASURED) == "prefill 300 tokens/s"


def test_explains_where_workers_go() -> None:
    nodes = tuple(
        Node(number, tuple(Core((number * 4 + core,), number) for core in range(4)), 8_000_000_000)
        for number in range(2)
    )
    one, two = Topology(nodes[:1], 2.5), Topology(nodes, None)
    assert (
        explanation.placement(one, ()) == "2 cores by a quota of 2.5 on one memory node: one worker"
    )
    assert "8 cores on 2 memory nodes: one worker on each" in explanation.placement(two, (0, 1))
    assert "node 1: cores 4-7, 8 GB" in explanation.placement(two, (0, 1))


def test_the_file_says_what_it_is_for(model: Path) -> None:
    place = profile.place(model)
    profile.store(MEASURED, place, {"model": "own.gguf"})
    assert json.loads(place.read_text())["about"] == {"model": "own.gguf"}
