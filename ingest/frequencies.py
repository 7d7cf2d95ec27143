"""In how many chunks words stand, as far as a search must know it.

Ranking by BM25 visits every chunk that holds one of the words, and to learn how rare a word is it
counts all the chunks that hold it. Both grow with the store. So the words of a question are
counted first, common ones only roughly, and the rarest that fit a budget are ranked by; in a small
store all do. (Turtle and Flood, Query evaluation, 1995, call the others non-essential: what they
could add does not decide who is among the best.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

#: Chunks that are counted one by one; from there on the rest is estimated from where they stand.
COUNTED = 1_000
_COUNT = (
    "SELECT :word{n}, count(*), max(rowid) FROM (SELECT rowid FROM chunk_words "
    "WHERE chunk_words MATCH :query{n} LIMIT :counted)"
)
_NEWEST = "SELECT rowid FROM chunk_words ORDER BY rowid DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many chunks hold each word."""

    chunks: int  #: of the whole index, about
    of: Mapping[str, int]  #: by word; exact where few, about right where many

    @property
    def total(self) -> int:
        """What the words have together."""
        return sum(self.of.values())

    def affordable(self, budget: int) -> list[str]:
        """The rarest words, so many that they stand in `budget` chunks together, one at least."""
        chosen: list[str] = []
        for word in sorted(self.of, key=lambda word: self.of[word]):
            budget -= self.of[word]
            if budget < 0 and chosen:
                break
            chosen.append(word)
        return chosen

    def rarity(self, word: str) -> float:
        """BM25's weight of a word, as FTS5 has it: never below nothing."""
        count = self.of[word]
        return max(math.log((self.chunks - count + 0.5) / (count + 0.5)), 1e-6)


def frequencies(session: Session, asked: Sequence[str], column: str = "words") -> Frequencies:
    """Of those words that any chunk holds. SQLite only."""
    newest = session.execute(text(_NEWEST)).scalar() or 0
    if not asked or not newest:
        return Frequencies(newest, {})
    counting = " UNION ALL ".join(_COUNT.format(n=number) for number in range(len(asked)))
    given: dict[str, str | int] = {"counted": COUNTED}
    for number, word in enumerate(asked):
        given |= {f"word{number}": word, f"query{number}": f'{column} : "{word}"'}
    rows = session.execute(text(counting), given).all()
    return Frequencies(
        newest, {str(word): _about(count, last, newest) for word, count, last in rows if count}
    )


def _about(count: int, last: int, newest: int) -> int:
    """Where counting ended early, the rest is held to be as the beginning was."""
    return count if count < COUNTED else max(count, round(count * newest / last))
