"""Which statements speak of the same: they share the words that tell most.

A bag of terms (words, and pairs of CJK characters) is compared with bags of the other side by
Dice's coefficient, each term weighted by how rare it is in both texts. Figures are left out: they
are what may differ. Candidates come from an index of terms, so that the cost is that of the common
rare terms and not of all pairs: O(statements × terms × COMMON) with COMMON as the length at which
a term's list of places is too long to tell anything.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workers.comparing.statements import Statement
from workers.comparing.words import Sort

Bag = Counter[str]

#: Statements that hold a term which still tells something, and the share of all that may.
COMMON, COMMON_SHARE = 50, 0.05
LOOSE = 0.4  #: below this nobody looks twice
CANDIDATES = 5  #: looked at more closely for each statement
#: What a candidate gains by standing at the same place, under the same title, by equal figures.
SAME_PLACE, SAME_TITLE, SAME_FIGURES = 0.1, 0.05, 0.1
UNTOLD = frozenset({Sort.FIGURE, Sort.LIGHT, Sort.CURRENCY})


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two statements that may speak of the same: their places in the two sequences."""

    left: int
    right: int
    dice: float  #: 0 … 1, of their weighted terms
    rank: float  #: the same with what their places and figures add


def bag_of(statement: Statement) -> Bag:
    """The terms of a statement."""
    words = [word for word in statement.words if word.sort not in UNTOLD]
    bag: Bag = Counter(word.form for word in words if not word.cjk)
    wide = [word for word in words if word.cjk]
    bag.update(
        before.form + after.form
        for before, after in pairwise(wide)
        if after.start - before.end <= 1
    )
    return bag


def figures_of(statement: Statement) -> Bag:
    """Its figures, each as often as it stands there."""
    return Counter(word.form for word in statement.words if word.sort is Sort.FIGURE)


def same_title(left: Statement, right: Statement) -> bool:
    """Whether both stand under the same title."""
    return bool(left.heading) and left.heading == right.heading


class Weights:
    """How much each term tells, by how few of the statements hold it."""

    def __init__(self, bags: Sequence[Bag]) -> None:
        held = Counter(term for bag in bags for term in bag)
        self._of = {term: math.log(1 + len(bags) / count) for term, count in held.items()}

    def total(self, bag: Bag) -> float:
        """The weight of a whole bag."""
        return sum(self._of[term] * count for term, count in bag.items())

    def of(self, term: str) -> float:
        """The weight of one term."""
        return self._of[term]

    def dice(self, left: Bag, right: Bag) -> float:
        """What two bags share, 0 … 1."""
        both = self.total(left) + self.total(right)
        return 2 * self.total(left & right) / both if both else 0.0


class Likenesses:
    """The statements of two sides that may speak of the same."""

    def __init__(
        self,
        left: Sequence[Statement],
        right: Sequence[Statement],
        same_place: Callable[[int, int], bool],
    ) -> None:
        """`same_place` tells whether two of them stand between the same neighbours."""
        self._left, self._right, self._same_place = left, right, same_place
        self._bags = [bag_of(one) for one in left], [bag_of(one) for one in right]
        self._weights = Weights([*self._bags[0], *self._bags[1]])

    def among(self, left: Sequence[int], right: Sequence[int]) -> Iterator[Likeness]:
        """The likenesses of some statements, by their indexes; in no order."""
        places, totals = self._index(right), {n: self._total(1, n) for n in right}
        for mine in left:
            bag, total = self._bags[0][mine], self._total(0, mine)
            shared: defaultdict[int, float] = defaultdict(float)
            for term in bag:
                weight = self._weights.of(term)
                for theirs in places.get(term, ()):
                    shared[theirs] += weight
            rough = [(2 * held / (total + totals[n]), n) for n, held in shared.items()]
            likely = sorted((each for each in rough if each[0] >= LOOSE), reverse=True)
            yield from (self._likeness(mine, theirs) for _, theirs in likely[:CANDIDATES])

    def _index(self, right: Sequence[int]) -> dict[str, list[int]]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for theirs in right:
            for term in self._bags[1][theirs]:
                places[term].append(theirs)
        limit = max(COMMON, COMMON_SHARE * len(right))
        return {term: held for term, held in places.items() if len(held) <= limit}

    def _total(self, side: int, number: int) -> float:
        return self._weights.total(self._bags[side][number])

    def _likeness(self, mine: int, theirs: int) -> Likeness:
        left, right = self._left[mine], self._right[theirs]
        dice = self._weights.dice(self._bags[0][mine], self._bags[1][theirs])
        rank = dice
        if self._same_place(mine, theirs):
            rank += SAME_PLACE
        if same_title(left, right):
            rank += SAME_TITLE
        figures, others = figures_of(left), figures_of(right)
        if both := (figures | others).total():
            rank += SAME_FIGURES * (figures & others).total() / both
        return Likeness(mine, theirs, dice, rank)
