"""The parts of the benchmarks that measure nothing: numbers, texts, settings, verdicts."""

import io
import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import arguments, clock, command, environment, prompts, report, servers, soak
from benchmarks.bench import Bench, Timings
from benchmarks.corpus import Corpus
from benchmarks.figures import Row, Sample, percentile, slope
from benchmarks.peer import Peer, Turn
from benchmarks.servers import Setting
from benchmarks.workloads import WORKLOADS, pipeline
from service.cli import bench as launcher
from service.cli.arguments import parse


class Scripted:
    """A peer that says the same three words and counts what it was asked."""

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.asked: list[tuple[Sequence[Turn], int, bool]] = []

    def chat(
        self, turns: Sequence[Turn], max_tokens: int, *, background: bool = False
    ) -> Iterator[str]:
        self.asked.append((turns, max_tokens, background))
        yield from ("one ", "", "two ", "three")

    def cpu_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


def row(ratio: float | None, target: float, better: str = "higher") -> Row:
    return Row("name", ratio, target, better, "peer", "detail")  # type: ignore[arg-type]


def test_sample_tells_median_and_range() -> None:
    assert Sample((3.0, 1.0, 2.0)).middle == 2.0
    assert str(Sample((3.0, 1.0, 2.0))) == "2 s (1–3, n=3)"
    assert str(Sample((1.5,))) == "1.5 s (one run)"


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)])
def test_percentile_is_a_value_that_was_seen(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_slope() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2.0)
    assert slope([(0, 1)]) == slope([(1, 1), (1, 2)]) == 0.0


def test_verdicts() -> None:
    assert row(1.3, 1.3).met is True
    assert row(1.2, 1.3).met is False
    assert row(0.05, 0.05, "lower").met is True
    assert row(0.06, 0.05, "lower").met is False
    assert row(None, 1.0).met is None


def test_json_is_the_list_that_was_agreed() -> None:
    told = json.loads(report.as_json([row(1.23456, 1.3), row(None, 2.0, "lower")]))
    assert [set(one) for one in told] == [
        {"name", "ratio", "target", "better", "peer", "detail"}
    ] * 2
    assert [one["ratio"] for one in told] == [1.235, None]


def test_results_are_kept(tmp_path: Path) -> None:
    outcome = report.Outcome([row(1.5, 1.3), row(None, 1.0)], {"cores": 2}, {}, ["a note"], 3.0)
    place = report.keep(outcome, tmp_path)
    kept = json.loads(place.read_text())
    assert kept["machine"] == {"cores": 2}
    assert [one["met"] for one in kept["rows"]] == [True, None]


def test_standard_output_is_for_results_alone() -> None:
    code = (
        "import os, sys; from benchmarks.environment import results; place = results();"
        "print('chatter'); os.system('echo of children'); print('[]', file=place)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
    assert {"chatter", "of children"} <= set(told.stderr.splitlines())


def test_the_table_shows_what_was_not_measured() -> None:
    shown = io.StringIO()
    report.show(report.Outcome([row(1.5, 1.3), row(None, 1.0)], {}, {}, ["a note"], 3.0), shown)
    assert "1.5" in shown.getvalue()
    assert "–" in shown.getvalue()
    assert "note: a note" in shown.getvalue()


def test_texts_are_distinct_and_repeatable() -> None:
    first, again, other = Corpus("a"), Corpus("a"), Corpus("b")
    texts = [first.text(500) for _ in range(5)]
    assert len(set(texts)) == 5
    assert texts == [again.text(500) for _ in range(5)]
    assert texts[0] != other.text(500)
    assert 300 < len(texts[0].split()) < 400


def test_texts_can_be_real_ones(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" ".join(f"word{number}" for number in range(1_000)))
    words = Corpus("a", tmp_path).text(137).split()
    begin = int(words[0].removeprefix("word"))
    assert words == [f"word{begin + offset}" for offset in range(100)]


def test_picks_are_distinct_ascending_and_favour_the_first() -> None:
    corpus = Corpus("picks")
    picks = [corpus.pick(4, 100) for _ in range(200)]
    assert all(len(set(pick)) == 4 and pick == sorted(pick) for pick in picks)
    assert sum(0 in pick for pick in picks) > 5 * sum(90 in pick for pick in picks)


def test_prompts_put_what_is_shared_in_front() -> None:
    turns = prompts.about("Words.", "And now?", [("First?", "Yes.")])
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[1].text == "=====\nWords.\n=====\n\nQuestion: First?"
    assert prompts.about("Words.", "First?")[:2] == turns[:2]
    assert len(prompts.evidence(["a", "b"], "Which?")[1].shared) == 2


def test_a_reply_knows_its_times() -> None:
    reply = clock.Reply("ab", asked=10.0, arrivals=(11.0, 11.5, 13.0), ended=13.0)
    assert (reply.first, reply.total, reply.gaps) == (1.0, 3.0, [0.5, 1.5])
    later = clock.Reply("c", asked=10.5, arrivals=(14.0,), ended=15.0)
    assert clock.all_begun([reply, later]) == 4.0
    assert clock.makespan([reply, later]) == 5.0


def test_empty_pieces_do_not_count_as_a_first_token() -> None:
    reply = clock.ask(Scripted(), clock.Question((Turn("user", "?"),), 3))
    assert (reply.text, len(reply.arrivals)) == ("one two three", 3)


def test_a_document_is_summarised_section_by_section_then_merged() -> None:
    peer, size = Scripted(), pipeline.Size(50, 8, 16)
    pipeline.summarise(peer, [["a", "b"], ["c"]], size)
    assert sorted(tokens for _, tokens, _ in peer.asked) == [8, 8, 8, 16, 16]
    assert all(background for _, _, background in peer.asked)
    merges = [turns for turns, tokens, _ in peer.asked if tokens == 16]
    assert sorted(turns[1].text.count("one two three") for turns in merges) == [1, 2]


def test_settings_are_told_as_they_are_typed() -> None:
    setting = Setting(8, flash=True, extra=("-ub", "1024"))
    assert setting.name == "-np 8 -no-kvu -fa on -ub 1024"
    options = setting.options(4_096, 2)
    assert options[:6] == ["-c", "32768", "-t", "2", "-tb", "2"]


def test_quick_runs_try_partitioned_kv_with_and_without_flash_attention() -> None:
    for workload in ("summaries", "followups", "four_users"):
        module = __import__(f"benchmarks.workloads.{workload}", fromlist=["SETTINGS"])
        tried = module.SETTINGS[: module.QUICK]
        assert {setting.flash for setting in tried if not setting.unified} == {True, False}


class Sham(Bench):
    """A bench whose peers take scripted times."""

    @contextmanager
    def lectern(self, *_: object, **__: object) -> Iterator[Scripted]:  # type: ignore[override]
        yield Scripted("Lectern")

    @contextmanager
    def server(self, setting: Setting, _: object = None) -> Iterator[Scripted]:  # type: ignore[override]
        yield Scripted(setting.name)


@pytest.mark.parametrize("quick", [True, False])
def test_the_best_setting_counts(quick: bool, capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = Setting(4, flash=True), Setting(8)
    times = {"Lectern": 2.0, fast.name: 3.0, slow.name: 9.0}
    rounds: list[tuple[str, int]] = []

    def work(peer: Peer, number: int) -> Timings:
        rounds.append((peer.name, number))
        return {"all": times[peer.name]}

    bench = Sham(Path("m"), Path("s"), 2, quick=quick)
    compared = bench.compare(work, [slow, fast], ["all"])
    assert compared.best("all")[0] == fast.name
    assert compared.times_faster("all") == pytest.approx(1.5)
    assert compared.share("all") == pytest.approx(2 / 3)
    assert f"{slow.name}: 9 s" in compared.detail("all")
    by_turns = [("Lectern", 0)]
    if not quick:
        by_turns = [(name, number) for number in (1, 2, 3) for name in ("Lectern", fast.name)]
    assert rounds == [(slow.name, 0), (fast.name, 0), *by_turns]
    assert capsys.readouterr().out == ""


def test_workloads_by_name() -> None:
    names = [one.name for one in command.chosen(arguments.parse(["--quick"]))]
    assert "summaries" in names
    assert "summaries_service" not in names
    only = command.chosen(arguments.parse(["--only", "roofline", "followups"]))
    assert [one.name for one in only] == ["followups", "roofline"]
    assert tuple(one.name for one in WORKLOADS) == arguments.NAMES


def test_peers_do_not_get_what_was_set_for_lectern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr(environment, "_added", {"OMP_WAIT_POLICY": "passive"})
    assert "OMP_WAIT_POLICY" not in environment.plain()
    with environment.taken_back():
        assert "OMP_WAIT_POLICY" not in os.environ
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_the_launcher_hands_over_what_was_said() -> None:
    said = ["--from", "/home/me", "bench", "--quick", "--json", "--only", "roofline"]
    assert launcher.words(parse([*said, "--data", "texts"])) == [
        "--quick", "--json", "--only", "roofline", "--data", "/home/me/texts",
    ]  # fmt: skip
    nothing = Namespace(quick=False, json=False, only=[], data=None)
    assert launcher.words(nothing) == []


def test_a_soak_sees_growth_and_drift() -> None:
    record = soak.Record(began=time.monotonic() - 3_600)
    record.memory = [(second, 1_000 + second / 36) for second in range(0, 3_600, 60)]
    record.batches = [(second, 2.0 if second < 1_800 else 1.0) for second in range(0, 3_600, 60)]
    growth, drift = soak.rows(record)
    assert growth.ratio == pytest.approx(100 / 1_060, abs=0.002)
    assert growth.met is False
    assert drift.ratio == 0.5


def test_pieces_of_a_stream() -> None:
    lines = [
        b'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n',
        b"\n",
        b'data: {"choices": [{"delta": {"content": "a"}}]}\n',
        b'data: {"choices": [], "usage": {}}\n',
        b"data: [DONE]\n",
    ]
    assert list(servers._pieces(lines)) == ["a"]
