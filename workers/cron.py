"""Cron expressions of five fields, as crontab(5) has them: when the next time comes.

Where both kinds of days are restricted, either is enough. When clocks are changed, a time that the
day leaves out comes as much later, and one that comes twice counts once; only an expression for
every hour goes by hours as they pass. Celery parses the fields; its own schedules know neither.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from celery.schedules import ParseException, crontab_parser

from workers.errors import BadSchedule
from workers.localtime import instant, wall

DAY = timedelta(days=1)
#: 29 February may be eight years away.
HORIZON_DAYS = 8 * 366
NUMBERS = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*", re.ASCII)
#: `mon`, `jan`: where there are names.
NAMES = re.compile(NUMBERS.pattern.replace(r"\d+", r"([a-z]+|\d+)"), re.ASCII)
FIELDS = (
    ("minute", NUMBERS, 60, 0),
    ("hour", NUMBERS, 24, 0),
    ("day of the month", NUMBERS, 31, 1),
    ("month", NAMES, 12, 1),
    ("day of the week", NAMES, 8, 0),  # 7 is Sunday too
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The times that an expression means."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  #: 0 is Sunday
    every_hour: bool
    either: bool  #: a day of the month or of the week is enough

    def following(self, moment: float, place: tzinfo | None) -> float:
        """The first time after `moment`; seconds since the epoch. Raises BadSchedule."""
        day = wall(moment, place).date()
        for _ in range(HORIZON_DAYS):
            if self._on(day):
                later = (each for each in self._times(day, place) if each > moment)
                if (found := min(later, default=None)) is not None:
                    return found
            day += DAY
        raise BadSchedule(reason="there is no such day")

    def _on(self, day: date) -> bool:
        fits = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (any(fits) if self.either else all(fits))

    def _times(self, day: date, place: tzinfo | None) -> Iterator[float]:
        for hour in self.hours:
            for minute in self.minutes:
                clock = datetime.combine(day, time(hour, minute))
                yield instant(clock, place)
                if self.every_hour:
                    yield instant(clock.replace(fold=1), place)


def parse(expression: str) -> Cron:
    """`minute hour day-of-month month day-of-week`. Raises BadSchedule."""
    texts = expression.lower().split()
    if len(texts) != len(FIELDS):
        raise BadSchedule(reason="it needs five fields: minute hour day month weekday")
    minutes, hours, days, months, weekdays = map(_numbers, texts, FIELDS)
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(number % 7 for number in weekdays),
        every_hour=texts[1] == "*",
        either=not texts[2].startswith("*") and not texts[4].startswith("*"),
    )


def _numbers(text: str, field: tuple[str, re.Pattern[str], int, int]) -> frozenset[int]:
    name, allowed, count, lowest = field
    try:
        if not allowed.fullmatch(text):
            raise ParseException
        return frozenset(crontab_parser(count, lowest).parse(text))
    except (ParseException, ValueError) as error:
        raise BadSchedule(reason=f"its {name} “{text[:40]}” can't be understood") from error
