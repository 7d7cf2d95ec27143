"""Clock times of a place as moments, and back; what summer time does to them is decided here.

A clock time that a day leaves out (clocks go forward) is taken for the moment it would have been
by the old time; one that comes twice (clocks go back) for the first of both.
"""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from workers.errors import TimezoneUnknown


def zone(name: str) -> tzinfo | None:
    """The zone called so in the IANA database; None, the system's own, for an empty name.

    Raises TimezoneUnknown.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # "Europe" is a folder, "../x" no name
        raise TimezoneUnknown(name=name) from error


def wall(moment: float, place: tzinfo | None) -> datetime:
    """What the clocks show, without a zone."""
    return datetime.fromtimestamp(moment, place).replace(tzinfo=None)


def instant(clock: datetime, place: tzinfo | None) -> float:
    """Seconds since the epoch when the clocks show this; `fold=1` means the second time."""
    return clock.replace(tzinfo=place).timestamp()
