"""What an hour of a machine costs, and what is had for it, in the currency of the prices."""

from dataclasses import dataclass

from workers.planning.asked import Asked

WATTS_A_KILOWATT = 1_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Prices, if any were said."""

    hour: float  #: with power
    power: float  #: of an hour, part of it

    def each(self, an_hour: float, count: int) -> float:
        """Of `count` things, of which `an_hour` are made in an hour."""
        return self.hour / an_hour * count


def cost(asked: Asked, watts: float) -> Cost | None:
    """None where no price was given."""
    power = watts / WATTS_A_KILOWATT * asked.power_price
    return Cost(asked.hour + power, power) if asked.hour + power else None
