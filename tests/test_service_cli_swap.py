"""A change of the model among small processes that stand in for workers."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from service.cli import swap as swaps
from service.cli.crew import Crew
from service.cli.supervisor import Duty, Part, Supervisor
from service.cli.swap import Swaps
from workers.models.wishes import Stage, Wish, Wishes

#: Leaves when it is asked to, as a worker does that holds no step.
WORKER = """
import signal, sys, time
signal.signal(signal.SIGUSR2, lambda *_: sys.exit())
print("works", flush=True)
time.sleep(600)
"""
STUBBORN = WORKER.replace("lambda *_: sys.exit()", "signal.SIG_IGN")
BROKEN = "import sys; sys.exit('the model can not be used')"


class Notes:
    """A report that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda part, *more: self.said.append((name, part))


class Team(Crew):
    """The crew of a host of one node, or of two, with scripts for workers."""

    def __init__(
        self, data: Path, script: str = WORKER, names: Sequence[str] = ("worker",)
    ) -> None:
        super().__init__({}, "http://127.0.0.1:1", data)
        self.script, self.names, self.logs = script, names, data / "logs"

    @property
    def fixed(self) -> str:
        return ""

    def parts(self) -> list[Part]:
        return [self.part(name, WORKER) for name in self.names]

    def next(self, model: str) -> list[Part]:
        return [self.part(f"{name}-next", self.script) for name in self.names]

    def part(self, name: str, script: str) -> Part:
        log = self.logs / f"{name}.log"
        return Part(
            name,
            [sys.executable, "-c", script],
            ready=lambda _: log.exists() and "works" in log.read_text(),
            patience_s=20.0,
            grace_s=0.5,
        )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "other.gguf").touch()
    return tmp_path


@pytest.fixture
def supervisor(data: Path) -> Iterator[Supervisor]:
    made = Supervisor(data / "logs", Notes())
    yield made
    made.stop()


class Change:
    """A team at work, and a wish for another model."""

    def __init__(self, supervisor: Supervisor, team: Team, beside: bool = True) -> None:
        self.supervisor, self.shelf = supervisor, team.shelf
        for part in team.parts():
            supervisor.start(part)
        self.old = [keeper._process for keeper in supervisor._keepers]
        self.said: list[tuple[str, str]] = []
        self.wishes = Wishes(team.shelf.folder)
        self.swaps = Swaps(team, supervisor, list(supervisor._keepers), self.hear)
        self.path = str(team.shelf.folder.parent / "other.gguf")
        self.wish = Wish("wish_1", self.path, self.path, beside)
        self.wishes.wish(self.wish)

    def hear(self, model: str, stage: str, message: str) -> None:
        self.said.append((stage, message))

    @property
    def stages(self) -> list[str]:
        return [stage for stage, _ in self.said]

    def look_until(self, stage: Stage) -> None:
        deadline = time.monotonic() + 30
        while stage not in self.stages:
            assert time.monotonic() < deadline, self.said
            for keeper in list(self.supervisor._keepers):
                if keeper.duty is Duty.STAY:
                    self.supervisor._look_after(keeper)
            self.swaps.look()
            time.sleep(0.02)

    def alive(self) -> list[bool]:
        return [process is not None and process.poll() is None for process in self.old]


def test_the_new_one_works_before_the_old_one_leaves(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data))
    change.look_until(Stage.STARTING)
    assert change.alive() == [True]
    assert change.shelf.in_use() is None
    change.look_until(Stage.READY)
    assert change.shelf.in_use() == change.path
    change.look_until(Stage.DONE)
    (keeper,) = supervisor._keepers
    assert (keeper.part.name, keeper.log.name) == ("worker", "worker.log")
    assert keeper.has_process
    assert keeper._process not in change.old
    assert "works" in keeper.log.read_text()
    assert keeper.log.with_suffix(".log.1").exists()
    news = change.wishes.news()
    assert news
    assert (news.id, news.stage) == ("wish_1", Stage.DONE)
    change.swaps.look()
    assert change.stages == ["starting", "ready", "done"], "a wish is fulfilled once"


def test_one_that_ends_is_not_taken_and_says_why(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data, BROKEN))
    change.look_until(Stage.FAILED)
    assert change.alive() == [True]
    assert change.shelf.in_use() is None
    assert len(supervisor._keepers) == 1
    assert "the old model stays: it ended with status 1" in change.said[-1][1]
    assert "the model can not be used" in change.said[-1][1]
    assert "worker-next.log" in change.said[-1][1]


def test_without_room_for_both_the_old_one_leaves_first(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data), beside=False)
    change.look_until(Stage.STARTING)
    assert change.alive() == [False]
    change.look_until(Stage.DONE)
    assert change.stages == ["emptying", "starting", "ready", "done"]
    assert "no room for both" in change.said[0][1]


def test_and_comes_back_when_the_new_one_does_not_work(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data, BROKEN), beside=False)
    change.look_until(Stage.FAILED)
    (keeper,) = supervisor._keepers
    assert (keeper.part.name, keeper.duty, keeper.has_process) == ("worker", Duty.STAY, True)


def test_workers_of_two_nodes_change_together(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data, names=("worker-0", "worker-1")))
    change.look_until(Stage.READY)
    change.look_until(Stage.DONE)
    assert [keeper.part.name for keeper in supervisor._keepers] == ["worker-0", "worker-1"]


def test_one_of_two_that_ends_keeps_both_old_ones(data: Path, supervisor: Supervisor) -> None:
    team = Team(data, names=("worker-0", "worker-1"))
    sound = team.part
    team.part = lambda name, script: sound(  # type: ignore[method-assign]
        name, BROKEN if name == "worker-1-next" else script
    )
    change = Change(supervisor, team)
    change.look_until(Stage.FAILED)
    assert change.alive() == [True, True]
    assert [keeper.part.name for keeper in supervisor._keepers] == ["worker-0", "worker-1"]


def test_an_old_one_that_does_not_leave_is_made_to(
    data: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swaps, "DRAIN_S", 0.3)
    team = Team(data)
    team.parts = lambda: [team.part("worker", STUBBORN)]  # type: ignore[method-assign]
    change = Change(supervisor, team)
    change.look_until(Stage.DONE)
    assert change.alive() == [False]


def test_what_a_setting_fixes_is_refused(
    data: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Crew({}, "", data).fixed == ""
    monkeypatch.setattr(Team, "fixed", "LECTERN_MODEL goes before")
    change = Change(supervisor, Team(data))
    change.look_until(Stage.FAILED)
    assert change.said == [("failed", "LECTERN_MODEL goes before")]
    assert change.alive() == [True]


def test_what_an_earlier_launcher_had_begun_is_not_gone_on_with(
    data: Path, supervisor: Supervisor
) -> None:
    team = Team(data)
    wishes = Wishes(team.shelf.folder)
    wish = Wish("wish_0", None, "bundled", beside=True)
    wishes.wish(wish)
    wishes.tell(wish, Stage.STARTING, "")
    again = Swaps(team, supervisor, [], lambda *_: None)
    again.look()
    assert again._swap is None


def test_who_waits_is_told_when_lectern_stops(data: Path, supervisor: Supervisor) -> None:
    change = Change(supervisor, Team(data))
    change.look_until(Stage.STARTING)
    change.swaps.close()
    news = change.wishes.news()
    assert news
    assert news.stage is Stage.FAILED


def test_each_worker_is_told_its_model_and_node(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew({"LECTERN_REDIS_URL": "unix:///r"}, "http://127.0.0.1:1", data)
    (part,) = crew.parts()
    assert (part.name, part.environment["LECTERN_MODEL"]) == ("worker", "bundled")
    crew.shelf.use(str(data / "other.gguf"))
    assert crew.parts()[0].environment["LECTERN_MODEL"] == str(data / "other.gguf")
    monkeypatch.setattr("workers.homes.homes", lambda: (0, 1))
    assert [part.name for part in crew.parts()] == ["worker-0", "worker-1"]
    told = crew.next("/models/b.gguf")
    assert [part.name for part in told] == ["worker-0-next", "worker-1-next"]
    assert [part.environment["LECTERN_NUMA_NODE"] for part in told] == ["0", "1"]
    assert {part.environment["LECTERN_MODEL"] for part in told} == {"/models/b.gguf"}
