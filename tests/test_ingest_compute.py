"""Heavy work takes turns, in the order in which it was asked for."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest import compute
from ingest.compute import SharedCores, Turns


def waiting(turns: Turns, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(turns._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_turns_are_handed_over_in_order() -> None:
    turns, order = Turns(), list[int]()

    def work(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with turns.turn():
        for number, thread in enumerate(threads):
            thread.start()
            waiting(turns, number + 1)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_who_returns_at_once_waits_behind_who_waited() -> None:
    turns, order = Turns(), list[str]()

    def patient() -> None:
        with turns.turn():
            order.append("patient")

    other = threading.Thread(target=patient)
    with turns.turn():
        other.start()
        waiting(turns, 1)
    with turns.turn():
        order.append("eager")
    other.join()
    assert order == ["patient", "eager"]


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), list[int](), list[int]()

    def work() -> None:
        for _ in range(200):
            with turns.turn():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 800


def test_a_failure_inside_gives_the_turn_back() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError
    with turns.turn():
        pass


def test_what_is_urgent_goes_first_and_cuts_short_what_gives_way() -> None:
    turns, order, asked = Turns(), list[str](), threading.Event()

    def work(name: str, urgent: bool) -> None:
        with turns.turn(urgent=urgent):
            order.append(name)

    threads = [threading.Thread(target=work, args=given) for given in (("a", False), ("b", True))]
    with turns.turn(give_way=asked.set):
        for number, thread in enumerate(threads):
            thread.start()
            waiting(turns, number + 1)
            assert asked.is_set() == (number == 1)
    for thread in threads:
        thread.join()
    assert order == ["b", "a"]


OTHER_PROCESS = """
import sys
from pathlib import Path
from ingest.compute import SharedCores
with SharedCores(Path(sys.argv[1])).held():
    print("has it", flush=True)
    sys.stdin.readline()
"""


def test_processes_on_the_same_cores_take_turns(tmp_path: Path) -> None:
    ours, order = Turns(SharedCores(tmp_path)), list[str]()
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin
    assert other.stdout
    assert other.stdout.readline() == "has it\n"

    def work() -> None:
        with ours.turn():
            order.append("ours")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(0.2)
    assert order == []
    other.stdin.write("done\n")
    other.stdin.close()
    thread.join(30)
    assert order == ["ours"]
    assert other.wait() == 0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_processes_on_cores_of_their_own_do_not_wait(tmp_path: Path) -> None:
    """As two workers do, each on its node."""
    before = os.sched_getaffinity(0)
    first, second = sorted(before)[:2]
    try:
        os.sched_setaffinity(0, {first})
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(0, {second})
        assert other.stdout
        assert other.stdout.readline() == "has it\n"
        assert seconds_of_a_turn(Turns(SharedCores(tmp_path))) < 0.5
        other.communicate("done\n")
    finally:
        os.sched_setaffinity(0, before)


def test_a_process_that_dies_leaves_the_cores_free(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout
    other.stdout.readline()
    other.kill()
    other.wait()
    with Turns(SharedCores(tmp_path)).turn():
        pass


def test_a_frozen_process_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "PATIENCE_SECONDS", 0.5)
    ours = Turns(SharedCores(tmp_path))
    with SharedCores(tmp_path).held():
        assert seconds_of_a_turn(ours) >= 0.5
        assert all(seconds_of_a_turn(ours) < 0.5 for _ in range(3))
    seconds_of_a_turn(ours)
    with SharedCores(tmp_path).held():
        assert seconds_of_a_turn(ours) >= 0.5


def seconds_of_a_turn(turns: Turns) -> float:
    asked = time.monotonic()
    with turns.turn():
        return time.monotonic() - asked
