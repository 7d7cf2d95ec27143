"""What is asked about a section: all fields of all of its text, or one field of a few sentences.

A small model loses itself in a long text and in many fields, and never says that something is not
there. So it is asked for one field at a time, of the sentences that speak of it, and only if there
are any; of figures and dates it can only choose those that stand in these sentences, and where
there is but one, there is nothing to ask (docs/decisions/0027-extraction.md).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from workers.extraction.evidence import POINTING, Section, described
from workers.extraction.numerals import calendar, days, figures
from workers.extraction.schema import MAX_CHOICES, Field
from workers.relevance import Quote

SENTENCES, SENTENCES_OF_LIST = 2, 8  #: shown to a small model, at most
#: The second sentence has to speak of the field nearly as much as the first.
NEARLY = 0.8
YEAR = re.compile(r"\byears?\b|年", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """Some of the fields, and the text to take them from."""

    root: Field
    text: str
    must: bool = False  #: the text holds them, so null is no answer

    @property
    def settled(self) -> dict[str, Any] | None:
        """The answer, when there is only one that can be given."""
        if not self.must or any(len(one.choices) != 1 for one in self.root.members.values()):
            return None
        return {name: member.choices[0] for name, member in self.root.members.items()}


def questions(root: Field, parts: Sequence[str], section: Section, small: bool) -> list[Question]:
    """What the model is to be asked about the section."""
    if not small:
        return [Question(root, "\n".join(parts))]
    return list(_pointed(root, section))


def _pointed(root: Field, section: Section) -> Iterator[Question]:
    for name, field in root.members.items():
        about = described(name, field)
        count = SENTENCES_OF_LIST if field.kind == "array" else SENTENCES
        fits = partial(_fits, field, about)
        text = _in_order(section.pointing(about, count, fits))
        if text and (narrowed := narrow(field, text, about)) is not None:
            yield Question(replace(root, members={name: narrowed}), text, must=True)


def _fits(field: Field, about: str, text: str) -> bool:
    return narrow(field, text, about) is not None


def _in_order(quotes: Sequence[Quote]) -> str:
    """The sentences that speak of a field, as they follow each other; nothing if none does."""
    least = max(POINTING, NEARLY * max((quote.score for quote in quotes), default=0.0))
    places = [quote.place for quote in quotes if quote.score >= least]
    places.sort(key=lambda place: (place.passage.page, place.start))
    return "\n".join(" ".join(place.text.split()) for place in places)


def narrow(field: Field, text: str, about: str) -> Field | None:
    """The field with the figures or dates of the text as its choices; None if there are none."""
    if field.kind == "object":
        found = {
            name: narrow(member, text, f"{about} {described(name, member)}")
            for name, member in field.members.items()
        }
        members = {name: member for name, member in found.items() if member is not None}
        return replace(field, members=members) if members else None
    if field.items is not None:
        items = narrow(field.items, text, about)
        return None if items is None else replace(field, items=items)
    if field.choices or (field.kind in ("boolean", "string") and not field.date):
        return field
    choices = _days(text) if field.date else _numbers(text, field, about)
    found_choices = tuple(dict.fromkeys(choices))[:MAX_CHOICES]
    return replace(field, choices=found_choices) if found_choices else None


def _days(text: str) -> list[str]:
    return [day.date.isoformat() for day in days(text)]


def _numbers(text: str, field: Field, about: str) -> list[int | float]:
    """The figures; those of dates only where a year is sought."""
    dated = [] if YEAR.search(about) else list(calendar(text))
    found = [one for one in figures(text) if not any(a <= one.start < b for a, b in dated)]
    values = [value for one in found for value in (one.plain, one.scaled) if value is not None]
    numbers = [int(value) if value == int(value) else float(value) for value in values]
    return [one for one in numbers if field.kind == "number" or isinstance(one, int)]
