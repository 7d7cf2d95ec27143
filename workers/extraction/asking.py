"""What is asked about a section: all fields of all of its text, or one field of a few sentences.

A small model loses itself in a long text and in many fields, so for each field it is shown the
sentences that speak of it, and asked for nothing else (docs/decisions/0027-extraction.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.citations import Place
from workers.extraction.evidence import Section, described
from workers.extraction.schema import Field

SENTENCES = 3  #: shown to a small model for a field
SENTENCES_OF_LIST = 8
OPENING = 2  #: of the beginning of a section


@dataclass(frozen=True, slots=True)
class Question:
    """Some of the fields and the text to take them from."""

    root: Field
    text: str


def questions(root: Field, parts: Sequence[str], section: Section, small: bool) -> list[Question]:
    """What the model is to be asked about the section."""
    if not small:
        return [Question(root, "\n".join(parts))]
    return list(_pointed(root, section))


def _pointed(root: Field, section: Section) -> Iterator[Question]:
    for name, field in root.members.items():
        count = SENTENCES_OF_LIST if field.kind == "array" else SENTENCES
        quotes = section.pointing(field, described(name, field), count)
        shown = [*section.opening(OPENING), *(quote.place for quote in quotes)]
        yield Question(root.only(name), _in_order(shown))


def _in_order(places: Sequence[Place]) -> str:
    """The words at the places, each once, as they follow each other in the text."""
    unique = {(place.passage.page, place.start): place for place in places}
    return "\n".join(" ".join(unique[at].text.split()) for at in sorted(unique))
