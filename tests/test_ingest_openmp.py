"""OpenMP's threads are there as long as somebody computes who goes on at once."""

import threading
from collections.abc import Iterator

import pytest
import torch
from engines import native_threads, until

from ingest.compute import Turns
from ingest.openmp import ComputingThread, send_threads_away


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """What PyTorch computes is done by two threads, however many cores there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    send_threads_away()
    yield
    send_threads_away()
    torch.set_num_threads(before)


def compute() -> set[int]:
    """Something large enough to be shared out; the threads that there are then."""
    torch.ones(1_000_000).exp()
    return native_threads()


def gone(threads: set[int]) -> bool:
    return not threads & native_threads()


def test_a_computing_thread_is_alone_when_its_work_is_done() -> None:
    thread = ComputingThread("test")
    before = thread.run(native_threads)
    new = thread.run(compute) - before
    assert new
    until(lambda: gone(new))


def test_work_that_fails_sends_its_threads_away_too() -> None:
    thread, new = ComputingThread("test"), set[int]()
    before = thread.run(native_threads)

    def failing() -> None:
        new.update(compute() - before)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        thread.run(failing)
    assert new
    until(lambda: gone(new))


def test_who_computes_again_and_again_keeps_its_threads_unless_another_waits() -> None:
    turns, before = Turns(), native_threads()
    with turns.turn():
        new = compute() - before
    assert new <= native_threads()

    other = threading.Thread(target=lambda: turns.turn().__enter__())
    with turns.turn():
        assert new <= compute()
        other.start()
        until(lambda: bool(turns._waiting))
    other.join()
    until(lambda: gone(new))
