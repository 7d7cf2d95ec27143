"""What is asked about a section: all fields of all of its text, or one field of a few sentences.

A small model loses itself in a long text and in many fields, and never says that something is not
there. So it is asked for one field at a time, of the sentences that speak of it, and only if there
are any. Figures and dates it is not asked for at all: string evidence knows better which of those
in a sentence is meant (docs/decisions/0027-extraction.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.extraction.evidence import POINTING, Section, described
from workers.extraction.quantities import is_quantity
from workers.extraction.schema import Field
from workers.relevance import Quote

SENTENCES, SENTENCES_OF_LIST = 2, 8  #: shown to a small model, at most
NEARLY = 0.8  #: of what the best sentence shares with the field, the others must share


@dataclass(frozen=True, slots=True)
class Question:
    """Some of the fields, and the text to take them from."""

    root: Field
    text: str


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known of a section without a model, and what it is to be asked."""

    questions: Sequence[Question]
    known: dict[str, Any] = field(default_factory=dict)


def asking(root: Field, parts: Sequence[str], section: Section, small: bool) -> Asking:
    """How the fields are to be taken out of the section."""
    if not small:
        return Asking([Question(root, "\n".join(parts))])
    known = {
        name: section.quantity(member, described(name, member))
        for name, member in root.members.items()
        if is_quantity(member)
    }
    return Asking(list(_pointed(root, section)), known)


def asked_of(root: Field, small: bool) -> dict[str, Field]:
    """The members that the model may be asked for; a small one for no truth: nothing carries it."""
    return {
        name: member
        for name, member in root.members.items()
        if not small or not (is_quantity(member) or member.kind == "boolean")
    }


def _pointed(root: Field, section: Section) -> Iterator[Question]:
    for name, member in asked_of(root, small=True).items():
        count = SENTENCES_OF_LIST if member.kind == "array" else SENTENCES
        text = _in_order(section.pointing(described(name, member), count))
        if text:
            yield Question(root.only(name), text)


def _in_order(quotes: Sequence[Quote]) -> str:
    """The sentences that speak of a field, as they follow each other; nothing if none does."""
    least = max(POINTING, NEARLY * max((quote.score for quote in quotes), default=0.0))
    places = [quote.place for quote in quotes if quote.score >= least]
    places.sort(key=lambda place: (place.passage.page, place.start))
    return "\n".join(" ".join(place.text.split()) for place in places)
