"""What documents go by: the words of their names and, where they are few, of their first pages.

Profiles are kept in memory: neither a document's name nor a version's text ever changes. The words
of names are in a table too, by which those that share a word with a question are found among many.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from threading import Lock

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ingest.frequencies import Frequencies
from ingest.passages import Scope, within
from ingest.tables import DocumentRow, DocumentStatus, NameWordRow, PageRow
from ingest.words import words

COVER = 2_500  #: characters of a first page that are looked at
COVERS = 500  #: documents from which on names alone are looked at
MANY = 500  #: documents that share a word, from which on it names none of them
KEPT = 2_000  #: profiles with covers, some ten kilobytes each
_YEAR = re.compile(r"(?<!\d)(?:19[89]|20\d)\d(?!\d)")


@dataclass(frozen=True, slots=True)
class Profile:
    """A document as a question may speak of it."""

    name: frozenset[str]
    cover: frozenset[str]
    years: frozenset[str]

    @classmethod
    def of(cls, name: str, cover: str = "") -> "Profile":
        """That of a name and the beginning of a first page."""
        own, dated = name_words(name), frozenset(years(name))
        return cls(own, frozenset(words(cover)), dated or frozenset(years(cover)))


@dataclass(frozen=True, slots=True)
class Profiles:
    """The documents that may be spoken of."""

    by_version: Mapping[str, Profile]
    known: Mapping[str, int]  #: in how many documents the words asked for are, as far as they tell


def years(text: str) -> list[str]:
    """The years that a text names."""
    return _YEAR.findall(text)


def name_words(name: str) -> frozenset[str]:
    """The words of a name: as in a text, and as its signs part it."""
    parts = (part.casefold() for part in re.split(r"[\W_]+", name) if part)
    return frozenset(chain(words(name), parts))


def note(session: Session, collection_id: str, document_id: str, name: str) -> None:
    """Keep the words of a new document's name."""
    own = {"collection_id": collection_id, "document_id": document_id}
    rows = [{"word": word, **own} for word in name_words(name)]
    if rows:
        session.execute(insert(NameWordRow), rows)


def all_of(session: Session, scope: Scope, asked: Iterable[str]) -> Profiles:
    """Every document of the scope, with its first page."""
    named = select(DocumentRow.current_version_id, DocumentRow.name).where(*within(scope))
    profiles = _kept(session, {str(version): name for version, name in session.execute(named)})
    counted = {
        word: sum(word in one.name or word in one.cover for one in profiles.values())
        for word in asked
    }
    return Profiles(profiles, {word: count for word, count in counted.items() if count})


def those_called(session: Session, scope: Scope, asked: Iterable[str]) -> Profiles:
    """The documents of the scope whose names have one of the words, but for what many have."""
    called = (NameWordRow.collection_id == scope.collection_id, NameWordRow.word.in_(asked))
    counting = select(NameWordRow.word, func.count()).where(*called).group_by(NameWordRow.word)
    counted = dict(session.execute(counting).all())
    rarest = Frequencies(0, counted).affordable(4 * MANY)
    known = {word: counted[word] for word in rarest if counted[word] < MANY}
    if not known:
        return Profiles({}, {})
    carrying = select(NameWordRow.document_id).where(called[0], NameWordRow.word.in_(known))
    # By their ids alone: where the collection is named too, SQLite goes through all of it.
    found = select(DocumentRow.current_version_id, DocumentRow.name).where(
        DocumentRow.id.in_(session.scalars(carrying.distinct()).all()),
        DocumentRow.status == DocumentStatus.READY,
        *scope.only.documents(),
    )
    profiles = {str(version): _called(name) for version, name in session.execute(found)}
    return Profiles(profiles, known)


@lru_cache(10 * KEPT)
def _called(name: str) -> Profile:
    return Profile.of(name)


class _Memory:
    """Profiles by version, the last ones used."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._profiles: dict[str, Profile] = {}

    def get(self, versions: Iterable[str]) -> dict[str, Profile]:
        with self._lock:
            known = {one: self._profiles.pop(one) for one in versions if one in self._profiles}
            self._profiles |= known  # to the end: what was used last goes last
        return known

    def keep(self, profiles: Mapping[str, Profile]) -> None:
        with self._lock:
            self._profiles |= profiles
            for version in list(self._profiles)[: max(0, len(self._profiles) - KEPT)]:
                del self._profiles[version]


_memory = _Memory()


def _kept(session: Session, names: Mapping[str, str]) -> dict[str, Profile]:
    known = _memory.get(names)
    if missing := [version for version in names if version not in known]:
        covers = _covers(session, missing)
        made = {one: Profile.of(names[one], covers.get(one, "")) for one in missing}
        _memory.keep(made)
        known |= made
    return known


def _covers(session: Session, versions: Sequence[str]) -> dict[str, str]:
    shown = select(PageRow.version_id, func.substr(PageRow.text, 1, COVER))
    first = shown.where(PageRow.version_id.in_(versions), PageRow.number == 1)
    return dict(session.execute(first).all())
