"""What is done beside the steps goes on, whatever happens to one of its turns."""

import threading

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from workers import rounds
from workers.rounds import Duty, Rounds


def test_a_duty_is_done_until_nothing_is_left_and_again_later() -> None:
    left, done = [3], threading.Event()
    turns: list[int] = []

    def work() -> bool:
        turns.append(left[0])
        left[0] -= 1
        if len(turns) > 5:
            done.set()
        return left[0] > 0

    made = Rounds([Duty("work", 0.01, work)])
    made.start()
    assert done.wait(10)
    made.leave(10)
    assert turns[:3] == [3, 2, 1]
    count = len(turns)
    assert not done.wait(0.05) or len(turns) == count


@pytest.mark.parametrize(
    "fault", [OperationalError("SELECT", {}, Exception("locked")), KeyError("secret")]
)
def test_a_turn_that_fails_does_not_end_the_duty(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "REST_SECONDS", 0.01)
    done, faults = threading.Event(), [fault]

    def work() -> bool:
        if faults:
            raise faults.pop()
        done.set()
        return False

    made = Rounds([Duty("work", 0.01, work)])
    with capture_logs() as logs:
        made.start()
        assert done.wait(10)
    made.leave(10)
    assert next(line["event"] for line in logs) in {"round_missed", "round_failed"}


def test_a_slow_duty_holds_up_no_other() -> None:
    release, done = threading.Event(), threading.Event()

    def slow() -> bool:
        return not release.wait(10)

    def quick() -> bool:
        done.set()
        return False

    made = Rounds([Duty("slow", 0.01, slow), Duty("quick", 0.01, quick)])
    made.start()
    assert done.wait(10)
    release.set()
    made.leave(10)
