"""The figures and dates of a sentence that a field may have for its value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workers.extraction.numerals import calendar, days, figures
from workers.extraction.schema import Field

YEAR = re.compile(r"\byears?\b|年", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value, and where it stands."""

    value: int | float | str
    span: tuple[int, int]


def is_quantity(field: Field) -> bool:
    """Whether its value is one figure or one date."""
    return not field.choices and (field.date or field.kind in ("integer", "number"))


def quantities(field: Field, text: str, about: str) -> Iterator[Quantity]:
    """In order; figures that are parts of dates only where a year is sought."""
    if field.date:
        yield from (Quantity(day.date.isoformat(), (day.start, day.end)) for day in days(text))
        return
    dated = [] if YEAR.search(about) else list(calendar(text))
    for figure in figures(text):
        value = figure.plain
        if value is None or any(start <= figure.start < end for start, end in dated):
            continue
        if value == int(value):
            yield Quantity(int(value), (figure.start, figure.end))
        elif field.kind == "number":
            yield Quantity(float(value), (figure.start, figure.end))
