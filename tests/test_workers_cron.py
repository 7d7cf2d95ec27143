"""When the next time comes, by the clocks of a place, also when they are changed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import cron
from workers.errors import BadSchedule
from workers.localtime import wall, zone


def at(clock: str) -> float:
    """A moment by its UTC time."""
    return datetime.fromisoformat(clock).replace(tzinfo=UTC).timestamp()


def times(expression: str, after: str, count: int, place: str = "UTC") -> list[str]:
    """The next times, in UTC."""
    made, moment, found = cron.parse(expression), at(after), list[str]()
    for _ in range(count):
        moment = made.following(moment, zone(place))
        found.append(f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("* * * * *", ["2026-05-04T12:31", "2026-05-04T12:32"]),
        ("*/20 * * * *", ["2026-05-04T12:40", "2026-05-04T13:00"]),
        ("0 9 * * *", ["2026-05-05T09:00", "2026-05-06T09:00"]),
        ("15 8-10/2 * * *", ["2026-05-05T08:15", "2026-05-05T10:15"]),
        ("0 12,18 * * MON-FRI", ["2026-05-04T18:00", "2026-05-05T12:00"]),
        ("0 0 * * sun", ["2026-05-10T00:00", "2026-05-17T00:00"]),
        ("0 0 * * 7", ["2026-05-10T00:00", "2026-05-17T00:00"]),
        ("0 0 1 jan *", ["2027-01-01T00:00", "2028-01-01T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 0 31 * *", ["2026-05-31T00:00", "2026-07-31T00:00"]),
        ("0 0 13 * 5", ["2026-05-08T00:00", "2026-05-13T00:00"]),  # either kind of day
        ("0 22-1 * * *", ["2026-05-04T22:00", "2026-05-04T23:00"]),
    ],
)
def test_the_next_times(expression: str, following: list[str]) -> None:
    assert times(expression, "2026-05-04T12:30", 2) == following  # a Monday


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "*/ * * * *",
        "5/10 * * * *",
        "1-5! * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "mon * * * *",
        "* * * * noday",
        "@daily",
        "٣ * * * *",
        "1_0 * * * *",
        "0 0 30 2 *",
        "9" * 5_000 + " * * * *",
    ],
)
def test_what_makes_no_sense_is_refused(odd: str) -> None:
    with pytest.raises(BadSchedule):
        cron.parse(odd).following(at("2026-05-04T12:30"), None)


def test_a_time_that_a_day_leaves_out_comes_later_that_day() -> None:
    """In Berlin 2:00 becomes 3:00 on 29 March 2026."""
    assert times("30 2 * * *", "2026-03-28T00:00", 3, "Europe/Berlin") == [
        "2026-03-28T01:30",
        "2026-03-29T01:30",  # 3:30 by the new time
        "2026-03-30T00:30",
    ]
    assert times("30 * * * *", "2026-03-29T00:00", 3, "Europe/Berlin") == [
        "2026-03-29T00:30",
        "2026-03-29T01:30",
        "2026-03-29T02:30",
    ]


def test_a_time_that_a_day_has_twice_counts_once() -> None:
    """In Berlin 3:00 becomes 2:00 on 25 October 2026."""
    assert times("30 2 * * *", "2026-10-24T12:00", 2, "Europe/Berlin") == [
        "2026-10-25T00:30",
        "2026-10-26T01:30",
    ]


def test_every_hour_goes_by_hours_as_they_pass() -> None:
    assert times("30 * * * *", "2026-10-24T23:45", 4, "Europe/Berlin") == [
        "2026-10-25T00:30",
        "2026-10-25T01:30",
        "2026-10-25T02:30",
        "2026-10-25T03:30",
    ]
    every_minute = times("* * * * *", "2026-10-24T23:59", 180, "Europe/Berlin")
    assert len(set(every_minute)) == 180
    assert every_minute[-1] == "2026-10-25T02:59"


numbers = st.integers(0, 59).map(str) | st.just("*") | st.just("*/7") | st.just("10-20")
hours = st.integers(0, 23).map(str) | st.just("*") | st.just("*/5")


@given(numbers, hours, st.floats(1.5e9, 2.5e9), st.sampled_from(["UTC", "Europe/Berlin", ""]))
def test_the_next_time_is_later_and_shows_on_the_clocks(
    minute: str, hour: str, moment: float, place: str
) -> None:
    made = cron.parse(f"{minute} {hour} * * *")
    found = made.following(moment, zone(place))
    assert moment < found <= moment + 26 * 3_600
    assert found % 60 == 0
    assert wall(found, zone(place)).minute in made.minutes
