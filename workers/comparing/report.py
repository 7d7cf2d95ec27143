"""Groups as the lists that a comparison ends in, each statement with its citations.

Long lists are cut to what weighs most, told in the texts' order; the counts say how much there is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ingest.split import SEPARATOR
from workers.citations import Citation
from workers.comparing.groups import Group, Side
from workers.comparing.source import Source
from workers.comparing.statements import Statement

#: What of each list is shown; of `only`, for each text.
AGREES, DIFFERS, ONLY = 60, 150, 60
CHANGES = 12  #: told of one difference
SUBJECT = 60  #: characters of a subject that has no title
FULL = 24.0  #: words and figures from which on a statement is not more telling


@dataclass(frozen=True, slots=True)
class Lists:
    """What agrees, differs and stands in one text only."""

    agrees: tuple[Group, ...]
    differs: tuple[Group, ...]
    only: Mapping[int, tuple[Group, ...]]  #: by text

    @classmethod
    def of(cls, groups: Iterable[Group], texts: int) -> "Lists":
        """Groups sorted into their lists."""
        agrees, differs = list[Group](), list[Group]()
        only: dict[int, list[Group]] = {text: [] for text in range(texts)}
        for group in groups:
            if group.alone:
                only[group.sides[0].text].append(group)
            else:
                (agrees if group.agrees else differs).append(group)
        kept = {text: tuple(held) for text, held in only.items()}
        return cls(tuple(agrees), tuple(differs), kept)

    def counts(self) -> dict[str, Any]:
        """How long each list is, before it is cut."""
        only = [len(held) for held in self.only.values()]
        return {"agrees": len(self.agrees), "differs": len(self.differs), "only": only}


def weight(group: Group) -> float:
    """What a reader wants to see first: what differs much, and says much."""
    return round(group.care * max(_telling(side.statement) for side in group.sides), 3)


def report(lists: Lists, sources: Sequence[Source], names: Sequence[str]) -> dict[str, Any]:
    """The lists as the REST interface shows them, with `counts` and `citations`."""
    scribe = _Scribe(sources, names)
    agrees = [scribe.agreement(group) for group in _weightiest(lists.agrees, AGREES)]
    differs = [scribe.difference(group) for group in _weightiest(lists.differs, DIFFERS)]
    only = [
        {
            "document_id": sources[text].document_id,
            "version_id": sources[text].version_id,
            "statements": [scribe.alone(group) for group in _weightiest(held, ONLY)],
        }
        for text, held in lists.only.items()
    ]
    return {
        "counts": lists.counts(),
        "agrees": agrees,
        "differs": differs,
        "only": only,
        "citations": [asdict(citation) for citation in scribe.citations],
    }


def subject_of(group: Group) -> str:
    """What a group is about: the title it stands under, or how it begins."""
    statement = group.sides[0].statement
    title = statement.heading.rsplit(SEPARATOR, 1)[-1]
    text = _line(statement.text)
    return title or (text if len(text) <= SUBJECT else f"{text[: SUBJECT - 1].rstrip()}…")


def _weightiest(groups: Sequence[Group], limit: int) -> list[Group]:
    ranked = sorted(range(len(groups)), key=lambda place: (-weight(groups[place]), place))
    return [groups[place] for place in sorted(ranked[:limit])]


def _telling(statement: Statement) -> float:
    """How much a statement says, 0 … 1: by its words, and more by its figures."""
    return min(statement.said + 2 * statement.figures, FULL) / FULL


def _line(text: str) -> str:
    return " ".join(text.split())


@dataclass(slots=True)
class _Scribe:
    """Writes groups down and numbers what they cite."""

    sources: Sequence[Source]
    names: Sequence[str]
    citations: list[Citation] = field(default_factory=list)

    def agreement(self, group: Group) -> dict[str, Any]:
        cited = [self._cite(side) for side in group.sides]
        return {
            "text": _line(group.sides[0].statement.text),
            "citations": [number for numbers in cited for number in numbers],
            "missing": self._missing(group),
            "weight": weight(group),
        }

    def difference(self, group: Group) -> dict[str, Any]:
        sides = [self._side(side) for side in group.sides]
        told = [change for side in sides for change in side["changed"]]
        sorts = {sort for side in group.sides for one in side.changes for sort in one.sorts}
        return {
            "subject": subject_of(group),
            "sides": sides,
            "changed": [change for n, change in enumerate(told) if change not in told[:n]],
            "kinds": sorted(sorts) or ["wording"],
            "missing": self._missing(group),
            "weight": weight(group),
        }

    def alone(self, group: Group) -> dict[str, Any]:
        side = group.sides[0]
        return {
            "text": _line(side.statement.text),
            "citations": self._cite(side),
            "weight": weight(group),
        }

    def _side(self, side: Side) -> dict[str, Any]:
        source = self.sources[side.text]
        return {
            "document_id": source.document_id,
            "version_id": source.version_id,
            "text": _line(side.statement.text),
            "citations": self._cite(side),
            "changed": [change.public() for change in side.changes[:CHANGES]],
        }

    def _missing(self, group: Group) -> list[str]:
        """Versions that say nothing of it."""
        there = {side.text for side in group.sides}
        return [one.version_id for n, one in enumerate(self.sources) if n not in there]

    def _cite(self, side: Side) -> list[int]:
        """A citation for each page that the statement stands on."""
        source, lines = self.sources[side.text], side.statement.quotes
        for part, quote in zip(side.statement.parts, lines, strict=True):
            citation = Citation(
                id=len(self.citations) + 1,
                document_id=source.document_id,
                document_name=self.names[side.text],
                version_id=source.version_id,
                page=part.page,
                char_start=part.start,
                char_end=part.end,
                quote=quote,
                verified=True,
            )
            self.citations.append(citation)
        return [citation.id for citation in self.citations[-len(lines) :]]
