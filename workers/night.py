"""The hours of the night, in which jobs run that were asked for with `when: night`.

Nothing about it is stored with a step: the dispatcher asks at each turn whether the window is open,
so a changed setting holds at once and moving a job to the front lets it go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from workers.localtime import instant, wall, zone
from workers.settings import settings

#: Steps that only look through a document: they take seconds, and the estimate needs them.
AT_ONCE = ("outline",)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Clock times between which work may be handed out; over midnight if it ends before it begins.

    All moments are seconds since the epoch.
    """

    begins: time
    ends: time
    place: tzinfo | None

    def open(self, moment: float) -> bool:
        """Whether it is open."""
        return self.opening(moment) <= moment

    def opening(self, moment: float) -> float:
        """When it opens next; `moment` itself while it is open."""
        begin, _ = next(self._openings(moment))
        return max(begin, moment)

    def open_seconds(self, begin: float, end: float) -> float:
        """How long it is open between two moments."""
        total, openings = 0.0, self._openings(begin)
        while (opening := next(openings))[0] < end:
            total += max(0.0, min(opening[1], end) - max(opening[0], begin))
        return total

    def after(self, moment: float, seconds: float) -> float:
        """The moment when it will have been open for so long."""
        openings = self._openings(moment)
        while True:
            begin, end = next(openings)
            begin = max(begin, moment)
            if seconds <= end - begin:
                return begin + seconds
            seconds -= end - begin

    def _openings(self, moment: float) -> Iterator[tuple[float, float]]:
        """Beginnings and ends, from the opening that is or comes next; without an end."""
        day = wall(moment, self.place).date() - DAY
        while True:
            begin = self._at(day, self.begins)
            end = self._at(day + DAY if self.ends <= self.begins else day, self.ends)
            if end > max(begin, moment):
                yield begin, end
            day += DAY

    def _at(self, day: date, clock: time) -> float:
        return instant(datetime.combine(day, clock), self.place)


def window() -> Window:
    """The window of the settings."""
    begins, ends = map(time.fromisoformat, settings().night.split("-"))
    return Window(begins, ends, zone(settings().timezone))
