"""The simulator: its arithmetic, its loop, and that it says the same every time."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import simulate
from benchmarks.simulation import costs as costing
from benchmarks.simulation import trace as tracing
from benchmarks.simulation.costs import CELLS, Costs, Curve, Point, fitted
from benchmarks.simulation.hardware import MACHINES, MODELS, derived
from benchmarks.simulation.policies import FirstCome, Paused, Pieces, Policy, Running, Share, Turns
from benchmarks.simulation.replay import ABORT_SECONDS, Engine, Outcome, _ubatches, replay
from benchmarks.simulation.trace import Call

#: A row takes 1 ms, whoever's it is and however much came before; nothing else takes time.
PLAIN = Curve((1.0, 1_000.0), (0.001, 1.0), (0.0, 0.0))
COSTS = Costs("plain", PLAIN, PLAIN, step=0.0)
POLICIES: list[Callable[[], Policy]] = [
    FirstCome,
    Paused,
    Pieces,
    Turns,
    lambda: Paused(rides=True),
    lambda: Paused(interrupts=False, floor=0.5),
]


def run(*calls: Call, policy: Policy | None = None, **engine: int) -> Outcome:
    return replay(tracing.ordered(calls), policy or Paused(), COSTS, Engine(**engine))


def person(at: float, prompt: int = 100, output: int = 10, **more: object) -> Call:
    return Call(at, True, prompt, output, **more)  # type: ignore[arg-type]


def section(prompt: int = 1_000, output: int = 10) -> Call:
    return Call(0.0, False, prompt, output)


def test_a_call_alone_takes_its_rows() -> None:
    (served,) = run(person(2.0)).served
    assert served.first == pytest.approx(0.1)
    assert served.gaps == pytest.approx([0.001] * 9)


def test_a_person_interrupts_and_computed_pieces_stay() -> None:
    outcome = run(section(2_000), person(0.7))
    (asked,) = outcome.people
    assert asked.first == pytest.approx(ABORT_SECONDS + 0.1)
    lost = 0.7 - 0.512  # of the piece in progress
    assert outcome.makespan == pytest.approx(2.0 + 0.01 + 0.11 + lost + ABORT_SECONDS - 0.001, 1e-3)


def test_without_interruption_a_person_waits_for_the_step() -> None:
    (asked,) = run(section(2_000), person(0.7), policy=Paused(interrupts=False)).people
    assert asked.first == pytest.approx(0.512 * 2 - 0.7 + 0.1)


def test_first_come_lets_a_person_wait_for_all_before() -> None:
    calls = [*[section()] * 4, person(0.5)]
    (theirs,) = run(*calls, policy=FirstCome(512), slots=8, reserved=0).people
    (ours,) = run(*calls).people
    assert theirs.first > 3 > 0.2 > ours.first


def test_a_floor_keeps_the_background_going() -> None:
    calls = [section(100, 4), person(0.0, 100, 8_000)]
    starved = run(*calls, policy=Paused(floor=float("inf")))
    assert starved.background_end == starved.makespan
    served = run(*calls, policy=Paused(floor=1.0))
    assert served.background_end == pytest.approx(5, abs=1)


def test_a_floor_takes_no_more_than_its_share() -> None:
    calls = [section(100_000, 1), person(0.0, 100, 500)]
    slow = Paused(floor=0.1)  # a floor step of 128 rows takes longer than that
    gaps = run(*calls, policy=slow).people[0].gaps
    assert sum(gap for gap in gaps if gap > 0.1) > sum(gaps) / 2
    bounded = Paused(floor=0.1, floor_share=0.1)
    gaps = run(*calls, policy=bounded).people[0].gaps
    assert 0 < sum(gap - 0.001 for gap in gaps if gap > 0.1) < 0.3 * sum(gaps)


def test_a_beginning_is_computed_once() -> None:
    shared = {"prefix": "handbook", "shared": 900}
    apart = [person(0.0, 1_000, 1), person(0.0, 1_000, 1)]
    same = [person(0.0, 1_000, 1, **shared) for _ in apart]
    later = person(9.0, 1_000, 1, **shared)
    assert run(*apart).makespan == pytest.approx(2.0)
    assert run(*same).makespan == pytest.approx(1.1, abs=0.02)
    assert run(*same, later).people[-1].first == pytest.approx(0.1)
    forgetful = run(*same, later, keeps_prefixes=False)
    assert forgetful.people[-1].first == pytest.approx(1.0)


def test_what_is_asked_beyond_the_slots_waits() -> None:
    outcome = run(*[section(100, 1)] * 5, slots=2, reserved=0, policy=FirstCome())
    assert sorted(one.first for one in outcome.served) == pytest.approx([0.2, 0.2, 0.4, 0.4, 0.5])


def test_ubatches_take_equally_of_each() -> None:
    shares = [Share(Running(section()), rows) for rows in (1, 700, 300)]
    pieces = [[share.rows for share in piece] for piece in _ubatches(shares, 512)]
    assert pieces == [[1, 1, 1], [256, 256], [43, 43], [400]]


calls = st.builds(
    Call,
    arrival=st.floats(0, 20),
    interactive=st.booleans(),
    prompt=st.integers(1, 3_000),
    output=st.integers(1, 40),
    prefix=st.sampled_from(["", "a", "b"]),
    shared=st.just(0),
)


@settings(deadline=None)
@given(st.lists(calls, min_size=1, max_size=12), st.sampled_from(POLICIES), st.integers(0, 2))
def test_every_call_is_served_the_same_every_time(
    asked: list[Call], policy: Callable[[], Policy], reserved: int
) -> None:
    trace, engine = tracing.ordered(asked), Engine(slots=2, reserved=reserved)
    outcome = replay(trace, policy(), COSTS, engine)
    assert outcome == replay(trace, policy(), COSTS, engine)
    assert tracing.ordered(one.call for one in outcome.served) == trace or len(trace) > 1
    assert sorted(map(repr, (one.call for one in outcome.served))) == sorted(map(repr, trace))
    for one in outcome.served:
        assert len(one.told) == one.call.output
        assert list(one.told) == sorted(one.told)
        assert one.first > 0


def test_a_curve_is_found_in_measurements_of_it() -> None:
    truth = Curve((1, 8, 64), (0.01, 0.03, 0.2), (3e-7, 2e-7, 1e-7))
    points = [
        Point(int(rows), cells, truth.seconds(int(rows), cells))
        for rows in truth.rows
        for cells in (256, 512, 1_536)
    ]
    found = fitted(points)
    assert found.base == pytest.approx(truth.base)
    assert found.slope == pytest.approx(truth.slope)
    assert truth.seconds(128, 0) == pytest.approx(0.4)  # twice the last
    assert truth.seconds(36, 0) == pytest.approx(0.115)  # half way


def test_noise_never_makes_time_run_backwards() -> None:
    sinking = fitted([Point(1, 256, 0.2), Point(1, 1_024, 0.1)])
    assert sinking.seconds(1, 4_096) == pytest.approx(0.15)
    steep = fitted([Point(1, 256, 0.1), Point(1, 1_024, 1.0)])
    assert 0 < steep.seconds(1, 1) < steep.seconds(1, 512)


def test_costs_are_kept_and_read(tmp_path: Path) -> None:
    COSTS.write(tmp_path / "costs.json")
    assert costing.read(tmp_path / "costs.json") == COSTS


def test_cells_are_counted_in_blocks() -> None:
    costs = Costs("x", PLAIN, Curve((1.0,), (0.0,), (1.0,)))
    assert costs.seconds(2, 1, 1) == costs.seconds(2, 1, CELLS) == 2 * CELLS
    assert costs.seconds(2, 1, CELLS + 1) == 4 * CELLS


def test_derived_costs_give_the_published_figures_they_rest_on() -> None:
    costs = derived(MACHINES["1x16"], MODELS["8B"])
    assert 1 / costs.seconds(1, 1, 1) == pytest.approx(13, rel=0.05)
    prompt = 512 / costs.seconds(1, 512, 512)
    assert 139 < prompt < 284, "llama.cpp of 2024, ik_llama.cpp"


def test_larger_models_take_longer_and_read_once_for_several() -> None:
    at = [derived(MACHINES["2x64"], weights) for weights in MODELS.values()]
    alone = [costs.seconds(1, 1, 2_000) for costs in at]
    assert alone == sorted(alone)
    assert all(costs.seconds(4, 1, 2_000) < 2 * one for costs, one in zip(at, alone, strict=True))


def test_engines_share_a_trace_evenly() -> None:
    trace = tracing.office()
    hands = tracing.dealt(trace, 2)
    assert tracing.ordered([*hands[0], *hands[1]]) == trace
    assert abs(len(hands[0]) - len(hands[1])) <= 2


def test_the_command_compares_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = [{"arrival": 0, "interactive": False, "prompt": 1_500, "output": 80}] * 8
    trace += [{"arrival": 3, "interactive": True, "prompt": 600, "output": 40}]
    (tmp_path / "trace.json").write_text(json.dumps(trace))
    given = ["--hardware", "2x64", "--model", "70B", "--trace", str(tmp_path / "trace.json")]
    assert simulate.main([*given, "--json"]) == 0
    rows = {row["policy"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) > 8
    ours, theirs = rows["background paused, floor ≤ 10 %"], rows["first come, mixed"]
    assert ours["first_token_p50"] < theirs["first_token_p50"] / 2
    assert ours["background_end"] < 1.2 * theirs["background_end"]
    assert simulate.main(given) == 0
    assert "background paused" in capsys.readouterr().out
