"""The guide's comparison: what is made of measurements, without measuring."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.guide import chart, contest, memory
from benchmarks.guide.contest import Entrant, Run, Sizes
from benchmarks.guide.rows import agreement, disturbance, measured, rows

SIZES = Sizes(rounds=2, short=64, long=300, each=1, tokens=8)
KB = 1024


def run(
    who: str, *, first: float, rest: float, peak: float, opened: float, cold: bool = False
) -> Run:
    held = {"rss": peak, "pss": peak, "anonymous": peak / 4, "file": peak / 2, "peak": peak}
    kinds = ["short", "short", "long", "long"] + (["known"] if who.startswith("Lectern") else [])
    replies: list[dict[str, Any]] = [
        {"kind": kind, "prompt": 100, "first": first, "rest": rest, "tokens": 8, "text": kind}
        for kind in kinds
    ]
    replies[0]["first"] = 100.0  # it warms, and is not counted
    memories = {"imported": {"pss": peak / 8}, "answered": held}
    told = {"imported": 2.0, "loaded": 3.0, "opened": opened, "memory": memories}
    return Run(who, cold, 1.0, 0.5 if cold else 0.0, {**told, "replies": [] if cold else replies})


@pytest.fixture
def runs() -> list[Run]:
    """One dtype is best at some, the other at the rest; Lectern at all."""
    return [
        run("Transformers float32", first=1.0, rest=1.4, peak=1000, opened=11.0),
        run("Transformers bfloat16", first=4.0, rest=0.7, peak=600, opened=8.0),
        run("Lectern F16", first=0.5, rest=0.35, peak=150, opened=4.5),
        run("Lectern F16", first=0.5, rest=0.35, peak=150, opened=4.5),
        run("Transformers float32", first=1.0, rest=1.4, peak=1000, opened=31.0, cold=True),
        run("Transformers bfloat16", first=4.0, rest=0.7, peak=600, opened=15.0, cold=True),
        run("Lectern F16", first=0.5, rest=0.35, peak=150, opened=8.0, cold=True),
    ]


def test_the_better_dtype_is_the_peer_at_each_thing(runs: list[Run]) -> None:
    found = {row.name: row for row in rows("m", measured(runs), "Lectern F16", str(SIZES))}
    assert {name: round(row.ratio or 0, 3) for name, row in found.items()} == {
        "m_load": 2.0,
        "m_load_cold": 2.0,
        "m_load_weights": 2.4,
        "m_memory_saved": 0.75,
        "m_decode": 2.0,
        "m_first_token_short": 2.0,
        "m_first_token_long": 2.0,
        "m_first_token_known": 2.0,
        "m_prefill": 2.0,
    }
    assert found["m_decode"].peer == found["m_memory_saved"].peer == "Transformers bfloat16"
    assert found["m_first_token_long"].peer == "Transformers float32"
    assert found["m_memory_saved"].met
    assert not found["m_load"].met
    assert "Transformers float32 5, Transformers bfloat16 10, Lectern F16 20" in (
        found["m_decode"].detail
    )
    assert "of it anonymous" in found["m_memory_saved"].detail


def test_says_whether_the_same_was_written(runs: list[Run]) -> None:
    runs[1].told["replies"][3]["text"] = "something else"
    first, *_ = agreement(runs[:3])
    assert first == "Transformers bfloat16 wrote the same as Transformers float32 in 3 of 4 answers"
    assert len(list(agreement(runs[:3]))) == 2


def test_says_who_was_disturbed(runs: list[Run]) -> None:
    told = list(disturbance(runs))
    assert len(told) == 3
    assert told[0] == "others used 0.5 cores while Transformers float32 was measured"


def test_prompts_are_the_same_in_every_run_and_new_in_every_round() -> None:
    asked, again, other = (contest._prompts(SIZES, number) for number in (0, 0, 1))
    assert asked == again != other
    kinds = [prompt["kind"] for prompt in asked["prompts"]]
    assert kinds == ["short", "short", "long", "long", "known"]
    *_, long, known = (prompt["ids"] for prompt in asked["prompts"])
    assert len(long) == len(known) == SIZES.long
    assert long[:-24] == known[:-24]
    assert long[-24:] != known[-24:]
    assert SIZES.context == 512


def test_a_processs_memory_adds_up() -> None:
    held = memory.held()
    assert held["peak"] >= held["rss"] >= held["pss"] > 0
    assert held["rss"] >= held["anonymous"] > KB


def test_weights_are_the_files_of_a_folder_or_the_file(tmp_path: Path) -> None:
    for name in ("model-1.safetensors", "model-2.safetensors", "config.json"):
        (tmp_path / name).write_bytes(b"x")
    folder = Entrant("Transformers float32", "pytorch", tmp_path)
    assert [file.name for file in folder.files] == ["model-1.safetensors", "model-2.safetensors"]
    single = Entrant("Lectern F16", "lectern", tmp_path / "config.json")
    assert single.files == [single.path]
    contest._forget(single.path)
    assert single.path.read_bytes() == b"x"


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    lost = Entrant("Lectern F16", "no such thing", tmp_path)
    with pytest.raises(RuntimeError, match="Lectern F16 ended with 1"):
        contest._run(lost, {"opening": [], "prompts": [], "tokens": 1})


def test_draws_what_was_found(runs: list[Run], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    place = tmp_path / "chart.png"
    chart.draw({"default": measured(runs), "1b": measured(runs)}, place)
    assert place.read_bytes().startswith(b"\x89PNG")
