"""Heavy work takes turns, in the order in which it was asked for."""

import threading
import time

import pytest

from ingest.compute import Turns


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
