"""Capacity: formulas by cases computed by hand, sizes by files that exist, figures by others'."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from workers.engine import profile as profiles
from workers.engine.bundle import bundled
from workers.engine.profile import fallback
from workers.planning import (
    bands,
    files,
    formats,
    hardware,
    here,
    machines,
    models,
    plan,
    rates,
    shapes,
    work,
)
from workers.planning.asked import Asked
from workers.planning.errors import (
    FormatUnknown,
    HardwareUnknown,
    HardwareUntold,
    MemoryUnclear,
    ModelUnknown,
    NotMeasured,
    PlanTooLarge,
)
from workers.planning.published import OURS, compared, summaries
from workers.planning.rates import Demand, Speed
from workers.planning.shapes import Shape
from workers.settings import Settings

TINY = Shape("tiny", 2, 256, 512, 4, 2, 64, 1_000, tied=1, context=1_024)
#: Of two layers of (q 65,536, k and v 32,768 each, out 65,536, three of 131,072, norms 512).
TINY_LAYERS, TINY_NORMS, TINY_TABLE = 1_180_672, 1_024, 256_000
SPEED = Speed(bandwidth=100e9, unpacking=50e9, operations=1e12, barrier=1e-6)
DENSE = Demand(
    always=4e9,
    routed=0.0,
    packed=6e9,
    dense_weights=5e9,
    expert_weights=0.0,
    output_weights=1e9,
    layers=10,
    cell_bytes=100_000.0,
    cell_operations=400_000.0,
)
WAITING = 16 * 10 * 1e-6


def test_counts_the_weights_of_a_shape() -> None:
    assert TINY.weights == TINY_LAYERS + TINY_TABLE
    assert TINY.cell() == 2 * 2 * 2 * 64  # layers × (K, V) × heads × length


@pytest.mark.parametrize(
    ("name", "weights", "active", "cell_kib"),
    [
        ("0.6B", 0.60, 0.60, 112),
        ("Qwen2.5-3B", 3.09, 3.09, 36),
        ("8B", 8.03, 7.50, 128),
        ("70B", 70.55, 69.50, 320),
        ("30B-A3B", 30.53, 3.04, 96),
        ("gpt-oss-120B", 116.8, 5.13, 72),
        ("671B", 671.0, 36.6, 69),
    ],
)
def test_published_models_have_their_published_weights(
    name: str, weights: float, active: float, cell_kib: float
) -> None:
    shape = shapes.find(name)
    assert shape.weights / 1e9 == pytest.approx(weights, rel=0.01)
    assert shape.active / 1e9 == pytest.approx(active, rel=0.01)
    assert shape.cell() * 2 / 1024 == pytest.approx(cell_kib, rel=0.01)


def test_layers_with_a_window_keep_little_of_a_long_sequence() -> None:
    shape = shapes.find("gpt-oss-20B")
    assert shape.cell(128) == 24 * 2 * 8 * 64
    assert shape.cell(12_800) == pytest.approx((12 + 12 / 100) * 2 * 8 * 64)


def test_blocks_have_the_bits_that_their_names_promise() -> None:
    bits = {name: 8 * size / count for name, (count, size) in formats.BLOCKS.items()}
    assert (bits["Q4_K"], bits["Q8_0"], bits["Q6_K"]) == (4.5, 8.5, 6.5625)
    assert all(size.whole for size in (formats.sized(TINY, form) for form in formats.MIXTURES))


def test_a_format_is_computed_by_its_blocks() -> None:
    size = formats.sized(TINY, "q8_0")
    blocks = (TINY_LAYERS - TINY_NORMS + TINY_TABLE) * 34 / 32
    assert size.whole == blocks + 4 * TINY_NORMS
    assert size.packed == 0
    # Value and down of the second of two layers get Q6_K, and so does a tied table.
    mixed = formats.sized(TINY, "Q4_K_M")
    six = 32_768 + 131_072 + TINY_TABLE
    four = TINY_LAYERS - TINY_NORMS - (32_768 + 131_072)
    assert mixed.whole == six * 210 / 256 + four * 144 / 256 + 4 * TINY_NORMS
    assert mixed.packed == six + four


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("8B-Q4_K_M", 4.92),
        ("8B-Q8_0", 8.54),
        ("8B-Q3_K_M", 4.02),
        ("8B-Q2_K", 3.18),
        ("8B-F16", 16.07),
        ("70B-Q4_K_M", 42.52),
        ("70B-Q5_K_M", 49.95),
        ("Qwen2.5-7B-Q4_K_M", 4.68),
        ("30B-A3B-Q4_K_M", 18.56),
        ("671B-Q4_K_M", 404.4),
    ],
)
def test_files_that_others_made_have_the_computed_size(name: str, gigabytes: float) -> None:
    assert models.named(name).size / 1e9 == pytest.approx(gigabytes, rel=0.005)


def test_reads_the_bundled_model_from_its_file() -> None:
    found = files.read(bundled())
    assert (found.shape.name, found.form) == ("SmolLM2-135M", "Q4_1")
    assert found.size == bundled().stat().st_size
    assert formats.sized(found.shape, "Q4_1").whole == pytest.approx(found.size, rel=0.02)


def test_a_file_that_nobody_listed_has_the_shape_of_its_header() -> None:
    told = replace(files.header(bundled()), width=512, heads=8, parameters=0)
    few, many = files.shape_of(told, "few"), files.shape_of(replace(told, parameters=10**9), "x")
    assert (few.kv_heads, few.head, few.tied, many.tied) == (3, 64, 1, 0)
    expert = 3 * 30 * 4 * 512 * 2_048  # matrices × layers × experts × width × its own
    experts = replace(told, hidden=0, experts=4, experts_used=2)
    base = files.shape_of(experts, "x").weights
    found = files.shape_of(replace(experts, parameters=base + expert), "x")
    assert found.expert_hidden == 2_048


def test_a_step_waits_for_the_slowest_part() -> None:
    # 4 GB at 100 GB/s are 40 ms, 6 G weights at 50 G/s 120 ms, 2 × 6 G at 10¹² 12 ms.
    assert rates.step_seconds(DENSE, SPEED, 1) == pytest.approx(0.120 + WAITING)
    wide = replace(DENSE, packed=0.0)
    assert rates.step_seconds(wide, SPEED, 1) == pytest.approx(0.040 + WAITING)
    # 8 rows: 2 × (5 G × (8 + 4 − 0.5) + 1 G × 8) at 10¹².
    assert rates.step_seconds(wide, SPEED, 8) == pytest.approx(0.131 + WAITING)


def test_experts_are_read_by_the_share_of_them_that_rows_meet() -> None:
    demand = replace(DENSE, routed=8e9, used=2, experts=8)
    assert demand.read(1) == 4e9 + 8e9 * 2 / 8
    assert demand.read(2) == 4e9 + 8e9 * (1 - (6 / 8) ** 2)
    assert demand.read(1_000) == pytest.approx(12e9)


def test_an_answer_reads_the_kv_of_its_sequence() -> None:
    # 100 kB at half the bandwidth: 2 µs a cell; its operations take 1.2 µs.
    assert rates.cell_seconds(DENSE, SPEED, 1) == pytest.approx(2e-6)
    assert rates.cell_seconds(DENSE, SPEED, 512) == pytest.approx(1.2e-6)
    without = rates.decode_seconds(DENSE, SPEED, 3, 0)
    assert rates.decode_seconds(DENSE, SPEED, 3, 1_000) == pytest.approx(without + 6e-3)


def test_a_prompt_is_the_sum_of_its_steps() -> None:
    steps = [rates.step_seconds(DENSE, SPEED, 512, sampled=n) for n in (0, 1)]
    cells = 512 * (256.5 + 512 + 256.5)
    cell = rates.cell_seconds(DENSE, SPEED, 512)
    assert rates.prompt_seconds(DENSE, SPEED, 1_024) == pytest.approx(sum(steps) + cells * cell)
    known = rates.prompt_seconds(DENSE, SPEED, 512, before=512)
    assert known == pytest.approx(steps[1] + 512 * 768.5 * cell)


def test_bandwidth_is_transfers_times_channels() -> None:
    assert hardware.bandwidth("DDR5-4800x12") == pytest.approx(460.8e9)
    assert hardware.bandwidth("ddr4-3200x8") == pytest.approx(204.8e9)
    with pytest.raises(MemoryUnclear):
        hardware.bandwidth("4800 MHz")


def test_an_engine_over_two_sockets_gets_less_than_two() -> None:
    machine = hardware.find("7763", 2)
    assert machine.watts == 560
    one, both = machine.speed(), machine.speed(2, local=False)
    assert one.bandwidth == pytest.approx(0.65 * 204.8e9)
    assert both.bandwidth == pytest.approx(0.6 * 2 * one.bandwidth)
    assert machine.speed(2).bandwidth == pytest.approx(2 * one.bandwidth)
    assert one.operations < machine.speed(2).operations < 2 * one.operations
    assert both.operations == pytest.approx(0.6 * machine.speed(2).operations)


def test_few_cores_can_not_use_all_memory() -> None:
    machine = replace(hardware.find("9554"), cores=4)
    assert machine.speed().bandwidth == 4 * 19e9


def test_a_machine_is_described_and_what_was_not_said_is_listed() -> None:
    machine = machines.described(Asked("8B", bandwidth=204.8, cores=16))
    assert (machine.cores, machine.bandwidth) == (16, 204.8e9)
    assert [text.split()[0] for text in machine.assumed] == ["3.0", "avx2"]
    known = machines.described(Asked("8B", hardware="epyc 9554", memory="ddr5-4800x6"))
    assert known.bandwidth == pytest.approx(230.4e9)
    assert machines.described(Asked("8B", bandwidth=100, flops=2)).speed().operations == 2e12


def test_names_that_nobody_knows() -> None:
    with pytest.raises(ModelUnknown, match="671B = DeepSeek"):
        models.named("9000B-Q4_K_M")
    with pytest.raises(FormatUnknown):
        formats.mixture("Q9")
    with pytest.raises(HardwareUnknown, match="EPYC 7763"):
        hardware.find("abacus")
    with pytest.raises(HardwareUntold):
        machines.described(Asked("8B", sockets=2, cores=64))


def test_each_socket_gets_an_engine_if_its_memory_holds_one() -> None:
    asked = Asked("70B", hardware="EPYC 9554", sockets=2, memory_gb=256)
    made = plan.made(asked)
    assert (made.placement.engines, made.placement.sockets) == (2, 1)
    needs = made.placement.needs
    assert made.placement.needed == 2 * needs.needed + 2_000_000_000
    assert needs.kv == 10 * 4_096 * 327_680  # sequences × tokens × bytes of a token


def test_a_model_that_one_socket_can_not_hold_is_spread() -> None:
    made = plan.made(Asked("70B", hardware="EPYC 9554", sockets=2, memory_gb=96))
    assert (made.placement.engines, made.placement.sockets) == (1, 2)
    assert "do not fit 48.0 GB" in made.placement.why
    asked = plan.made(Asked("70B", hardware="EPYC 9554", sockets=2, spread=True))
    assert asked.placement.engines == 1


def test_a_model_that_does_not_fit_is_refused_with_the_sum() -> None:
    with pytest.raises(PlanTooLarge) as refused:
        plan.made(Asked("671B-Q4_K_M", hardware="EPYC 9554", memory_gb=256))
    assert "weights 404,424 MB + KV" in str(refused.value)
    assert "256.0 GB. Q2_K (244.0 GB of weights) would." in str(refused.value)
    with pytest.raises(PlanTooLarge, match="No format of it would"):
        plan.made(Asked("671B", hardware="EPYC 9554", memory_gb=32))


def test_waiting_grows_with_load() -> None:
    assert work.waiting_seconds(10, 0) == 0
    assert work.waiting_seconds(10, 0.5) == 5
    assert work.waiting_seconds(10, 1) == math.inf


def test_people_and_money() -> None:
    asked = Asked(
        "14B", hardware="EPYC 9554", sockets=2, users=50, price_per_hour=2.0, power_price=0.25
    )
    told = plan.told(plan.made(asked))
    figures = {figure["name"]: figure for figure in told["figures"]}
    assert told["people"]["wanted"] == 200
    assert told["people"]["load"] == pytest.approx(200 / figures["questions"]["low"])
    assert told["cost"]["hour"] == pytest.approx(2.0 + 0.720 * 0.25)
    thousand = told["cost"]["hour"] / figures["questions"]["value"] * 1_000
    assert told["cost"]["thousand_questions"] == pytest.approx(thousand)
    crowd = plan.told(plan.made(replace(asked, users=5_000)))
    assert crowd["people"]["wait"] is None


def test_two_engines_answer_twice_as_much_as_one() -> None:
    def questions(sockets: int) -> float:
        made = plan.made(Asked("8B", hardware="EPYC 9554", sockets=sockets))
        return next(f.value for f in made.figures() if f.name == "questions")

    assert questions(2) == pytest.approx(2 * questions(1))


def test_this_machine_is_known_by_what_was_measured(data_folder: Path) -> None:
    with pytest.raises(NotMeasured):
        here.here()
    measured = replace(fallback(Settings()), weights="F16", prefill_rate=300.0, decode_rate=40.0)
    profiles.store(measured, profiles.place(bundled()), {})
    speed = here.here().speed()
    demand = models.named("135M-F16").demand
    assert 1 / rates.decode_seconds(demand, speed, 1, here.DEPTH) == pytest.approx(40, rel=0.01)
    assert 512 / rates.prompt_seconds(demand, speed, 512, before=128) == pytest.approx(300, rel=0.1)
    assert plan.made(Asked("0.6B")).placement.engines == 1


def test_published_figures_are_met_as_docs_say() -> None:
    found = summaries(compared())
    assert 0.9 < found["decode"].median < 1.1
    assert found["decode"].within >= 0.9
    assert 0.85 < found["prefill"].median < 1.15
    assert found["prefill"].within >= 0.85
    assert found["all"].count == len(compared()) == 69


@pytest.mark.parametrize(
    ("quantities", "band"),
    [({"decode"}, bands.WRITING), ({"prefill", "operations"}, bands.READING)],
)
def test_nine_of_ten_figures_lie_within_the_band(quantities: set[str], band: bands.Band) -> None:
    ours = [
        1 / one.ratio
        for one in compared()
        if one.figure.use in OURS and one.figure.quantity in quantities
    ]
    inside = sum(band.low <= ratio <= band.high for ratio in ours)
    assert inside >= 0.9 * len(ours)


def test_what_is_far_off_is_explained() -> None:
    far = [one for one in compared() if not 2 / 3 < one.ratio < 3 / 2]
    assert far
    assert not [one for one in far if not one.figure.note]


def test_the_table_of_the_paper_is_what_the_check_says() -> None:
    text = (Path(__file__).parents[1] / "docs" / "capacity.md").read_text()
    rows = re.findall(r"^\| (?:set|tested|old|other|guide) \| .*", text, re.MULTILINE)
    told = [row.split(" | ")[7] for row in rows]
    assert told == [f"{one.ratio:.2f}" for one in compared()]
    for found in summaries(compared()).values():
        line = f"| {found.count} | {found.median:.2f} | {found.worst:.2f} | {found.within:.0%} |"
        assert line in text


def test_the_guide_needs_two_sockets() -> None:
    size = models.named("70B-Q4_K_M").size
    assert 5.2 * size > hardware.find("EPYC 7763").bandwidth
    by_placement = {
        (one.figure.sockets, one.figure.placement): one.ratio
        for one in compared()
        if one.figure.use == "guide" and one.figure.value == 5.2
    }
    assert by_placement[1, "local"] == pytest.approx(0.60, abs=0.01)
    assert by_placement[2, "placed"] == pytest.approx(1.13, abs=0.01)


def test_formulas_need_no_library() -> None:
    script = (
        "import sys, workers.planning.published, workers.planning.work;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert not {"llama_cpp", "numpy", "sqlalchemy", "psutil"} & set(done.stdout.split())


def test_the_program_says_a_line(data_folder: Path) -> None:
    def says(words: dict[str, object]) -> tuple[int, dict[str, object]]:
        command = [sys.executable, "-m", "workers.planning", json.dumps(words)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout)

    code, told = says({"model": "8B", "hardware": "7950X", "check": False, "cores": None})
    assert code == 0
    assert "result" in told
    code, told = says({"model": "8B"})
    assert code == 1
    assert told["error"]["code"] == "plan_not_measured"
