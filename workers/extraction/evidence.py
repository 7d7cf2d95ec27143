"""What in a section carries the values that were taken out of it, and how surely it speaks of them.

A value is verified when all its words, figures and dates stand in one sentence (or table row), or
in up to three neighbours; a longer text also when a sentence carries it as it would carry one of an
answer (docs/decisions/0006-evidence.md). Of several such places the one counts that shares most
with the field's name and description.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ingest.embed import Embedder
from ingest.passages import Found
from workers.citations import NEIGHBOURS, Place, carrier, neighbours
from workers.extraction.nearness import Line, stems_of
from workers.extraction.quantities import quantities
from workers.extraction.schema import Field, Scalar
from workers.extraction.standing import Held, Span
from workers.relevance import Quote, judged
from workers.sentences import CLOSING, FULL_STOPS, sentence_spans
from workers.tokens import tokens_of

#: Changes with the rules of this package: part of the content keys of what they have shaped.
VERSION = 2
#: A sentence that speaks so surely of a field is shown even if it does not carry the value.
POINTING = 0.35
#: `pointed` from which a figure may be taken without asking a model (measured, record 0027).
SURE = 0.3
LONGEST_QUOTE = 400  #: characters; of a longer sentence the lines around the value
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A value that was taken out of a section, and the words that carry it."""

    value: Any
    verified: bool
    #: 0 … 1: how much the quote shares with what was asked for, and how near to the value.
    pointed: float
    part: int = 0  #: of the section, where the quote stands; without a quote nowhere
    start: int = 0
    end: int = 0
    quote: str = ""

    def kept(self) -> dict[str, Any]:
        """As a step keeps it."""
        return asdict(self)


def described(name: str, field: Field) -> str:
    """What a field is about, in words: its name, title and description."""
    return f"{CAMEL.sub(' ', name)} {field.about}".strip()


class Section:
    """The text of a section, part by part, in which values are looked up."""

    def __init__(self, parts: Sequence[str], embedder: Embedder) -> None:
        self._embedder = embedder
        self._passages = [_passage(number, text) for number, text in enumerate(parts)]
        self._held = [Held.of(text) for text in parts]
        self._sentences = [list(_sentences(text)) for text in parts]

    def found(self, value: Any, field: Field, about: str) -> Any:
        """The value with a Finding, as `kept`, in the place of each scalar and each item."""
        if value is None:
            return None
        if field.kind == "object":
            return {
                name: self.found(value[name], member, f"{about} {described(name, member)}".strip())
                for name, member in field.members.items()
            }
        if field.kind == "array":
            assert field.items is not None, "an array has items"
            return [self._finding(item, field.items, about).kept() for item in value]
        return self._finding(value, field, about).kept()

    def pointing(self, about: str, count: int) -> list[Quote]:
        """The sentences that say most of what was asked for, best first."""
        quotes = judged(about, self._all(), self._passages, self._embedder)
        return sorted(quotes, key=lambda quote: -quote.score)[:count]

    def quantity(self, field: Field, about: str) -> Any:
        """The figure or date of which its sentence says most clearly that it is the field's."""
        values = [
            (place, value)
            for place in self._all()
            for value in quantities(field, place.text, about)
        ]
        holding = {(place.passage.page, place.start): place for place, _ in values}
        scores = {
            (quote.place.passage.page, quote.place.start): quote.score
            for quote in judged(about, holding.values(), self._passages, self._embedder)
        }
        sought = stems_of(about)
        lines = {at: Line(sought, holding[at].text) for at in scores}
        rated = [
            (scores[at] + lines[at].nearness(value.span), value.value)
            for place, value in values
            if (at := (place.passage.page, place.start)) in scores
        ]
        best = max(rated, key=lambda each: each[0], default=None)
        return best[1] if best is not None and best[0] / 2 >= SURE else None

    def _finding(self, value: Any, field: Field, about: str) -> Finding:
        places = self._together(list(_leaves(value, field)))
        if not places and isinstance(value, str) and not field.choices:
            places = self._carrying(value)
        quotes = judged(about, places or self._all(), self._passages, self._embedder)
        sought = stems_of(about)
        rated = [(one.score + self._near(sought, one.place, value, field), one) for one in quotes]
        if not rated:
            return Finding(value, verified=False, pointed=0.0)
        points, best = max(rated, key=lambda each: each[0])
        finding = Finding(value, bool(places), round(min(max(points / 2, 0.0), 1.0), 4))
        if not places and best.score < POINTING:
            return finding
        place = self._shortened(best.place, value, field)
        part = place.passage.page
        return replace(finding, part=part, start=place.start, end=place.end, quote=place.text)

    def _near(self, sought: frozenset[str], place: Place, value: Any, field: Field) -> float:
        """How near in a sentence the field's words are to the value; 0 where it does not stand."""
        held = self._held[place.passage.page]
        spans = [
            (start - place.start, end - place.start)
            for leaf in _leaves(value, field)
            for start, end in held.spans(*leaf)
            if place.start <= start and end <= place.end
        ]
        if not spans:
            return 0.0
        return max(map(Line(sought, place.text).nearness, spans))

    def _all(self) -> Iterator[Place]:
        for passage, spans in zip(self._passages, self._sentences, strict=True):
            yield from (Place(passage, start, end) for start, end in spans)

    def _together(self, leaves: Sequence[tuple[Scalar, Field]]) -> list[Place]:
        """The fewest neighbouring sentences that hold all the values; where there are several."""
        found: list[tuple[int, Place]] = []
        for passage, held, sentences in zip(
            self._passages, self._held, self._sentences, strict=True
        ):
            holding = [_among(sentences, held.spans(*leaf)) for leaf in leaves]
            for first, last in _windows(holding, len(sentences)):
                place = Place(passage, sentences[first][0], sentences[last][1])
                found.append((last - first, place))
        fewest = min((length for length, _ in found), default=0)
        return [place for length, place in found if length == fewest]

    def _carrying(self, text: str) -> list[Place]:
        """Where a text stands in other words of the same kind."""
        places = [
            (Place(passage, *span), tokens_of(passage.text[slice(*span)]))
            for passage in self._passages
            for span in neighbours(passage.text)
        ]
        place = carrier(text, places)
        return [] if place is None else [place]

    def _shortened(self, place: Place, value: Any, field: Field) -> Place:
        """Of a very long sentence the part around the value, or its beginning."""
        if place.end - place.start <= LONGEST_QUOTE:
            return place
        held = self._held[place.passage.page]
        spans = (span for leaf in _leaves(value, field) for span in held.spans(*leaf))
        inside = (start for start, _ in spans if place.start <= start < place.end)
        first = min(inside, default=place.start)
        line = place.passage.text.rfind("\n", 0, first) + 1
        start = max(place.start, line, first - LONGEST_QUOTE // 2)
        return replace(place, start=start, end=min(place.end, start + LONGEST_QUOTE))


def _sentences(text: str) -> Iterator[Span]:
    """Every sentence; of what has no full stop, such as a table or a title page, every line."""
    for start, end in sentence_spans(text):
        piece = text[start:end]
        if piece.rstrip(CLOSING).endswith(FULL_STOPS) or "\n" not in piece:
            yield start, end
            continue
        for line in re.finditer(r"\S.*", piece):
            yield start + line.start(), start + line.start() + len(line.group().rstrip())


def _passage(number: int, text: str) -> Found:
    """A part of a section as what relevance looks at; its page is the part's number."""
    return Found("", "", "", "", number, 0, len(text), "", text, 0.0, None, None)


def _leaves(value: Any, field: Field) -> Iterator[tuple[Scalar, Field]]:
    """Every scalar of a value with its field."""
    if isinstance(value, dict):
        for name, member in field.members.items():
            yield from _leaves(value[name], member)
    elif isinstance(value, list):
        assert field.items is not None, "an array has items"
        for each in value:
            yield from _leaves(each, field.items)
    elif value is not None:
        yield value, field


def _among(sentences: Sequence[Span], spans: Sequence[Span]) -> list[Span]:
    """For each span the first and the last of the sentences in which it stands."""
    found = []
    for start, end in spans:
        inside = [n for n, (first, last) in enumerate(sentences) if first < end and start < last]
        if inside:
            found.append((inside[0], inside[-1]))
    return found


def _windows(holding: Sequence[Sequence[Span]], count: int) -> list[Span]:
    """First and last of the fewest neighbouring sentences, of `count`, that hold each value."""
    if not holding or not all(holding):
        return []
    for length in range(min(NEIGHBOURS, count)):
        found = [
            (first, first + length)
            for first in range(count - length)
            if all(
                any(first <= begin and end <= first + length for begin, end in places)
                for places in holding
            )
        ]
        if found:
            return found
    return []
