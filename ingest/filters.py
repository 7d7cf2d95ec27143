"""What a search is narrowed to, and the tags that documents carry for it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement

from ingest.errors import TagsUnusable
from ingest.names import one_line
from ingest.tables import DocumentRow

TAG_CHARACTERS, MOST_TAGS = 50, 20
#: Around every tag of a document's list, so that one is found by itself. No tag holds it.
FENCE = "\n"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents, and which of their pages, may be found; what is empty narrows nothing."""

    document_ids: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()  #: a document must carry all of them
    added_from: float | None = None  #: seconds since the epoch
    added_before: float | None = None
    pages: tuple[int, int] | None = None  #: first and last

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> "Filter":
        """What `public` gave, which a job has kept."""
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in (given or {}).items()
        }
        return cls(**known)

    def public(self) -> dict[str, Any]:
        """As a job keeps it."""
        return asdict(self)

    @property
    def narrows(self) -> bool:
        """Whether it shuts any document out."""
        return any(True for _ in self.documents())

    def documents(self) -> Iterator[ColumnElement[bool]]:
        """What a document must be."""
        if self.document_ids:
            yield DocumentRow.id.in_(self.document_ids)
        if self.media_types:
            yield DocumentRow.media_type.in_(self.media_types)
        for tag in unique_tags(self.tags):
            yield DocumentRow.tags.contains(f"{FENCE}{tag}{FENCE}", autoescape=True)
        if self.added_from is not None:
            yield DocumentRow.created_at >= self.added_from
        if self.added_before is not None:
            yield DocumentRow.created_at < self.added_before


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Part:
    """What of a collection's index is searched: some versions, some of their pages, or all."""

    version_ids: tuple[str, ...] = ()  #: of all, if there is none
    pages: tuple[int, int] | None = None  #: first and last
    only: Filter = EVERYTHING  #: what documents must be that are too many to be named

    @property
    def unnamed(self) -> bool:
        """Whether it lets through what no list of versions tells, so that SQL sorts it out."""
        return self.only.narrows or (self.pages is not None and not self.version_ids)


WHOLE = Part()


def joined(tags: Iterable[str]) -> str:
    """Tags as a document's row keeps them. Raises TagsUnusable."""
    kept = unique_tags(tags)
    if len(kept) > MOST_TAGS or any(len(tag) > TAG_CHARACTERS for tag in kept):
        raise TagsUnusable(most=MOST_TAGS, limit=TAG_CHARACTERS)
    return FENCE.join(["", *kept, ""]) if kept else ""


def split(kept: str) -> list[str]:
    """The tags of a row, in order."""
    return [tag for tag in kept.split(FENCE) if tag]


def unique_tags(tags: Iterable[str]) -> list[str]:
    """Each once, one line and small letters, in order."""
    return sorted({tag for given in tags if (tag := one_line(given).casefold())})
