"""What so many people ask, beside what the engines answer in an hour."""

from typing import Any

from workers.planning.asked import Asked
from workers.planning.bands import Figure
from workers.planning.work import waiting_seconds

COMFORTABLE = 0.7  #: load at which a question waits about as long as it takes


def told(asked: Asked, questions: Figure, engines: int) -> dict[str, Any] | None:
    """Load, waiting, and how many people there could be. None if nobody was spoken of.

    By the lower end of the range: a machine that is slower than thought should keep the promise.
    """
    if not asked.users:
        return None
    wanted = asked.users * asked.questions
    load = wanted / questions.low
    waits = waiting_seconds(3_600 * engines / questions.low, load) if load < 1 else None
    return {
        "users": asked.users,
        "wanted": wanted,
        "load": load,
        "wait": waits,
        "room_for": int(COMFORTABLE * questions.low / asked.questions),
    }
