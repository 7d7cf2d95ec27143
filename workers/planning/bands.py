"""A predicted figure, and the range that published figures justify (`lectern plan --check`)."""

from dataclasses import dataclass

from workers.planning.work import Seconds


@dataclass(frozen=True, slots=True)
class Band:
    """What a predicted speed is multiplied with."""

    low: float
    high: float


#: Nine of ten published figures of llama.cpp lie between; a test holds it to that.
WRITING = Band(0.68, 1.15)
READING = Band(0.60, 1.45)


@dataclass(frozen=True, slots=True)
class Figure:
    """A prediction, from where to where it may be, and the arithmetic in words."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    why: str


def writing(name: str, value: float, unit: str, why: str) -> Figure:
    """A speed of answers."""
    return Figure(name, value, value * WRITING.low, value * WRITING.high, unit, why)


def duration(name: str, seconds: Seconds, why: str) -> Figure:
    """How long something takes."""
    return Figure(name, seconds.total, *_between(seconds), "s", why)


def throughput(name: str, seconds: Seconds, engines: int, why: str) -> Figure:
    """How many an hour, by engines that work on their own."""
    quick, slow = _between(seconds)
    hour = 3_600 * engines
    return Figure(name, hour / seconds.total, hour / slow, hour / quick, "an hour", why)


def _between(seconds: Seconds) -> tuple[float, float]:
    quick = seconds.reading / READING.high + seconds.writing / WRITING.high
    return quick, seconds.reading / READING.low + seconds.writing / WRITING.low
