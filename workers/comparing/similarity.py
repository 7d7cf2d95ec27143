"""Which statements speak of the same: they share the words that tell most.

A bag of terms (words, and pairs of CJK characters) is compared with bags of the other side by
Dice's coefficient, each term weighted by how rare it is in both texts. Figures are left out: they
are what may differ. Candidates come from an index of terms. A term that too many statements hold
tells nothing and is left out, so the cost is statements × terms × at most COMMON_SHARE of them,
and not that of all pairs.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workers.comparing.statements import SAYING, Statement
from workers.comparing.words import Sort

Bag = Counter[str]

#: Statements that hold a term which still tells something, and the share of all that may.
COMMON, COMMON_SHARE = 50, 0.05
LOOSE = 0.4  #: below this nobody looks twice
CANDIDATES = 5  #: looked at more closely for each statement
#: What a candidate gains by standing where it is expected, under the same title, by equal figures.
SAME_PLACE, SAME_TITLE, SAME_FIGURES = 0.3, 0.05, 0.05


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two statements that may speak of the same: their places in the two sequences."""

    left: int
    right: int
    dice: float  #: 0 … 1, of their weighted terms
    rank: float  #: the same with what their places and figures add


def _bag_of(statement: Statement) -> Bag:
    """The terms of a statement, singular and plural alike."""
    words = [word for word in statement.words if word.sort in SAYING]
    bag: Bag = Counter(_singular(word.form) for word in words if not word.cjk)
    wide = [word for word in words if word.cjk]
    bag.update(
        before.form + after.form
        for before, after in pairwise(wide)
        if after.start - before.end <= 1
    )
    return bag


def _singular(form: str) -> str:
    return form[:-1] if len(form) > 3 and form.endswith("s") and form[-2] != "s" else form


def _figures(statement: Statement) -> Bag:
    return Counter(word.form for word in statement.words if word.sort is Sort.FIGURE)


def same_title(left: Statement, right: Statement) -> bool:
    """Whether both stand under the same title."""
    return bool(left.heading) and left.heading == right.heading


class Likenesses:
    """The statements of two sides that may speak of the same."""

    def __init__(
        self,
        left: Sequence[Statement],
        right: Sequence[Statement],
        nearness: Callable[[int, int], float],
    ) -> None:
        """`nearness` tells how near two of them are to each other's expected place, 0 … 1."""
        self._sides, self._nearness = (left, right), nearness
        self._bags = [_bag_of(one) for one in left], [_bag_of(one) for one in right]
        self._figures = [_figures(one) for one in left], [_figures(one) for one in right]
        everything = [*self._bags[0], *self._bags[1]]
        held = Counter(term for bag in everything for term in bag)
        self._weights = {term: math.log(1 + len(everything) / n) for term, n in held.items()}
        self._totals = [[self._total(bag) for bag in bags] for bags in self._bags]
        self._known: dict[tuple[int, int], float] = {}

    def among(self, left: Iterable[int], right: Sequence[int]) -> Iterator[Likeness]:
        """The likenesses of some statements, by their indexes; in no order."""
        places = self._index(right)
        for mine in left:
            shared: defaultdict[int, float] = defaultdict(float)
            for term in self._bags[0][mine]:
                weight = self._weights[term]
                for theirs in places.get(term, ()):
                    shared[theirs] += weight
            rough = [(2 * held / self._both(mine, n), n) for n, held in shared.items()]
            likely = sorted((each for each in rough if each[0] >= LOOSE), reverse=True)
            yield from (self.of(mine, theirs) for _, theirs in likely[:CANDIDATES])

    def of(self, mine: int, theirs: int) -> Likeness:
        """How much two statements are alike, by their indexes."""
        dice = self._dice(mine, theirs)
        if dice < LOOSE:
            return Likeness(mine, theirs, dice, dice)
        rank = dice + SAME_PLACE * self._nearness(mine, theirs)
        if same_title(self._sides[0][mine], self._sides[1][theirs]):
            rank += SAME_TITLE
        figures, others = self._figures[0][mine], self._figures[1][theirs]
        if both := (figures | others).total():
            rank += SAME_FIGURES * (figures & others).total() / both
        return Likeness(mine, theirs, dice, rank)

    def _dice(self, mine: int, theirs: int) -> float:
        found = self._known.get((mine, theirs))
        if found is None:
            common = self._bags[0][mine] & self._bags[1][theirs]
            both = self._both(mine, theirs)
            found = 2 * self._total(common) / both if both else 0.0
            self._known[mine, theirs] = found
        return found

    def _both(self, mine: int, theirs: int) -> float:
        return self._totals[0][mine] + self._totals[1][theirs]

    def _total(self, bag: Bag) -> float:
        return sum(self._weights[term] * count for term, count in bag.items())

    def _index(self, right: Sequence[int]) -> dict[str, list[int]]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for theirs in right:
            for term in self._bags[1][theirs]:
                places[term].append(theirs)
        limit = max(COMMON, COMMON_SHARE * len(right))
        return {term: held for term, held in places.items() if len(held) <= limit}
