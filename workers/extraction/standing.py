"""Where a value stands in a text, however it is written there: string evidence, no model asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from ingest.words import fold
from workers.extraction.numerals import days, figures
from workers.extraction.schema import Field, Scalar

Span = tuple[int, int]
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
#: Signs that are set in several ways and mean the same.
ALIKE = str.maketrans("‘’“”–—‑−", "''\"\"----")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without white space, width, case and variants, and where each character came from."""

    text: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Folded":
        """`text`, folded character by character."""
        pieces, places = list[str](), list[int]()
        for place, character in enumerate(text):
            piece = _folded(character)
            pieces.append(piece)
            places += [place] * len(piece)
        return cls("".join(pieces), tuple(places))


@lru_cache(maxsize=20_000)
def _folded(character: str) -> str:
    return "" if character.isspace() else fold(character).translate(ALIKE)


@dataclass(frozen=True, slots=True)
class Held:
    """What a text holds, looked through once for all the values that are sought in it."""

    text: str
    folded: Folded
    numbers: tuple[tuple[Span, frozenset[Decimal]], ...]
    dates: tuple[tuple[Span, date], ...]

    @classmethod
    def of(cls, text: str) -> "Held":
        """Its characters, figures and dates."""
        return cls(
            text,
            Folded.of(text),
            tuple(((one.start, one.end), one.readings) for one in figures(text)),
            tuple(((one.start, one.end), one.date) for one in days(text)),
        )

    def spans(self, value: Scalar, field: Field) -> list[Span]:
        """Where the value stands, in order; nowhere for what no words can show."""
        if isinstance(value, bool):
            return []
        if not isinstance(value, str):
            wanted = Decimal(str(value))
            return [span for span, readings in self.numbers if wanted in readings]
        found = list(self._literal(value))
        if (field.date or not found) and ISO_DATE.fullmatch(value):
            found += [span for span, day in self.dates if day.isoformat() == value]
        return sorted(set(found))

    def _literal(self, value: str) -> Iterator[Span]:
        wanted, folded = Folded.of(value).text, self.folded
        at = folded.text.find(wanted) if wanted else -1
        while at >= 0:
            span = folded.places[at], folded.places[at + len(wanted) - 1] + 1
            if self._whole(span):
                yield span
            at = folded.text.find(wanted, at + 1)

    def _whole(self, span: Span) -> bool:
        """Whether words and figures begin and end where the span does."""
        start, end = span
        around = self.text[max(0, start - 2) : start], self.text[end : end + 2]
        return not (
            _joined(around[0][-1:], self.text[start])
            or _joined(self.text[end - 1], around[1][:1])
            or re.fullmatch(r"\d[.,]\d", around[0] + self.text[start])
            or re.fullmatch(r"\d[.,]\d", self.text[end - 1] + around[1])
        )


def _joined(before: str, after: str) -> bool:
    """Whether two characters are of one word or figure; Chinese has no such borders."""
    return _is_letter(before) and _is_letter(after) and before.isdigit() == after.isdigit()


def _is_letter(character: str) -> bool:
    return character.isalnum() and not "\u2e80" <= character <= "\u9fff"


def same(value: object) -> object:
    """Equal for values that mean the same: 6000 and 6000.0, NORTHBANK and Northbank."""
    if isinstance(value, dict):
        return tuple((name, same(each)) for name, each in sorted(value.items()))
    if isinstance(value, list):
        return tuple(map(same, value))
    if isinstance(value, str):
        return Folded.of(value).text
    if isinstance(value, bool) or value is None:
        return value, "fixed"  # True is not 1
    return Decimal(str(value))
