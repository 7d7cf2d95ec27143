"""Which documents of a collection a question speaks of, by their names and first pages.

“What did Acme earn in FY2021?” is about one report of many: the one that is called so, or on whose
cover it stands, and of that year. A name may be written without blanks, so neighbouring words are
also tried as one. The rarer a word is among the documents, the more it tells; of many documents
the names alone are looked at, and what hundreds are called tells nothing. All this prefers
documents; it never shuts one out.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy.orm import Session

from ingest.passages import Scope
from ingest.profiles import COVERS, Profile, all_of, those_called, years
from ingest.query import SHAPING, spelled_out
from ingest.words import STOP, words

JOINED = 4  #: words that a name may have been made of
NARROWED = 20  #: documents let through by a filter whose first pages are read for one question
CODE = 5  #: digits from which a number is somebody's
COVER_SHARE = 0.5  #: a word on the cover tells half of what it tells in the name
_PROPER = re.compile(r"\b[A-Z][\w&]*")


def addressed(session: Session, scope: Scope, total: int, question: str) -> dict[str, float]:
    """How much each version is spoken of, the most of all as 1; nothing if none is.

    `total` is the number of documents in the scope.
    """
    asked = _Asked.of(question)
    if total < 2 or not asked.words:
        return {}
    look = all_of if total <= (NARROWED if scope.only.narrows else COVERS) else those_called
    there = look(session, scope, asked.words)
    weights = {word: math.log(max(total, count) / count) for word, count in there.known.items()}
    scores = {key: _score(one, asked, weights) for key, one in there.by_version.items()}
    most = max(scores.values(), default=0.0)
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
        return cls(frozenset(telling), proper, max(years(text), default=""))


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


def _score(profile: Profile, asked: _Asked, weights: Mapping[str, float]) -> float:
    named = sum(weight for word, weight in weights.items() if word in profile.name)
    cover = (asked.proper & profile.cover) - profile.name
    score = named + COVER_SHARE * sum(weights.get(word, 0.0) for word in cover)
    return score * (2 if asked.year in profile.years else 1)
