"""Which documents of a collection a question speaks of, by their names and first pages.

“What did Acme earn in FY2021?” is about one report of many: the one that is called so, or on whose
cover it stands, and of that year. A name may be written without blanks, so neighbouring words are
also tried as one. The rarer a word is among the documents, the more it tells. All this prefers
documents; it never shuts one out.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.query import SHAPING, spelled_out
from ingest.tables import PageRow
from ingest.words import STOP, words

COVER = 2_500  #: characters of a first page that are looked at
COVERS = 500  #: documents of a collection from which on names alone are
JOINED = 4  #: words that a name may have been made of
CODE = 5  #: digits from which a number is somebody's
COVER_SHARE = 0.5  #: a word on the cover tells half of what it tells in the name
MOST = 20_000  #: documents that are looked at, each of them once
_YEAR = re.compile(r"(?<!\d)(?:19[89]|20\d)\d(?!\d)")
_PROPER = re.compile(r"\b[A-Z][\w&]*")


@dataclass(frozen=True, slots=True)
class Named:
    """A document as a question may speak of it."""

    version_id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Profile:
    name: frozenset[str]
    cover: frozenset[str]
    years: frozenset[str]


def addressed(session: Session, documents: Sequence[Named], question: str) -> dict[str, float]:
    """How much each version is spoken of, the most of all as 1; nothing if none is."""
    asked = _Asked.of(question)
    if not 2 <= len(documents) <= MOST or not asked.words:
        return {}
    profiles = _profiles(session, documents)
    known = Counter(chain.from_iterable(one.name | one.cover for one in profiles.values()))
    weights = {word: math.log(len(documents) / known[word]) for word in asked.words & set(known)}
    scores = {key: _score(one, asked, weights) for key, one in profiles.items()}
    most = max(scores.values())
    return {key: score / most for key, score in scores.items() if score} if most else {}


@dataclass(frozen=True, slots=True)
class _Asked:
    words: frozenset[str]
    proper: frozenset[str]  #: those that are names, by their capitals
    year: str  #: the latest; "" without one

    @classmethod
    def of(cls, question: str) -> "_Asked":
        text = spelled_out(question)
        own = list(words(text))
        proper = frozenset(chain.from_iterable(words(one) for one in _PROPER.findall(text)))
        telling = {word for word in own if _tells(word)} | set(_joined(own))
        return cls(frozenset(telling), proper, max(_YEAR.findall(text), default=""))


def _tells(word: str) -> bool:
    """Whether a word may name a document; a number may be of anything, and years count apart."""
    long = len(word) > 1 and (not word.isdigit() or len(word) >= CODE)
    return long and word not in STOP and word not in SHAPING


def _joined(own: Sequence[str]) -> Iterator[str]:
    """Neighbouring words as one: `best buy` → `bestbuy`."""
    for size in range(2, JOINED + 1):
        for begin in range(len(own) - size + 1):
            joined = "".join(own[begin : begin + size])
            if not joined.isdigit():
                yield joined


def _score(profile: _Profile, asked: _Asked, weights: Mapping[str, float]) -> float:
    named = sum(weight for word, weight in weights.items() if word in profile.name)
    cover = (profile.cover - profile.name) & asked.proper
    score = named + COVER_SHARE * sum(weights.get(word, 0.0) for word in cover)
    return score * (2 if asked.year in profile.years else 1)


def _profiles(session: Session, documents: Sequence[Named]) -> dict[str, _Profile]:
    covers: dict[str, str] = {}
    if len(documents) <= COVERS:
        shown = select(PageRow.version_id, func.substr(PageRow.text, 1, COVER))
        first = shown.where(PageRow.version_id.in_([one.version_id for one in documents]))
        covers = dict(session.execute(first.where(PageRow.number == 1)).all())
    return {one.version_id: _profile(one.name, covers.get(one.version_id, "")) for one in documents}


@lru_cache(MOST)
def _profile(name: str, cover: str) -> _Profile:
    own, years = frozenset(_name_words(name)), frozenset(_YEAR.findall(name))
    return _Profile(own, frozenset(words(cover)), years or frozenset(_YEAR.findall(cover)))


def _name_words(name: str) -> Iterable[str]:
    yield from words(name)
    yield from (part.casefold() for part in re.split(r"[\W_]+", name) if part)
