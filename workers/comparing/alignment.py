"""Two texts side by side: which statement of one belongs to which of the other.

In this order, each from what the ones before have left over:

1. in order: the same words, as a diff finds them (`order`);
2. moved: the same words elsewhere, and sentences that were only cut in other places;
3. beside: alike, at about the distance from a pair's statements that the other has on its side;
4. alike: the same subject anywhere, by the words that tell most (`similarity`), best first;
5. beside again, for what is less alike, and then whatever has the same words;
6. by meaning, if whoever calls can tell (`meaning`);
7. repeated: what the other side says too, but more or less often.

Two versions of a text have most of it in common, and what they have in common shows where to look
for the rest. Two different texts have little, and any place is as good as another. So nobody has to
say which of both it is. A table's rows say too little to be known by their words: they are found by
the rows around them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.comparing.order import in_order
from workers.comparing.similarity import Likeness, Likenesses, same_title
from workers.comparing.statements import Statement

#: Two statements belong together when they are so much alike, anywhere or at the same place.
ALIKE, ALIKE_HERE = 0.6, 0.45
REACH = 6  #: statements from one that has found its counterpart to where one is looked for
ROUNDS = 40  #: of looking beside what was found; as many rows of a table, times REACH
WATCHED = 500  #: statements between two looks whether anybody still wants it
#: Words that a statement must have to be known by them alone; `Total 5` is found everywhere.
TELLING, TELLING_TOGETHER = 5, 3
CUT = 3  #: pieces that one text may have cut what is one piece in the other


class By(StrEnum):
    """What showed that two statements belong together."""

    SAME = "same"  #: the same words
    WORDS = "words"  #: the words they share
    MEANING = "meaning"  #: vectors of an embedder


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement of each side, by their indexes."""

    left: int
    right: int
    by: By
    score: float  #: 0 … 1


@dataclass(frozen=True, slots=True)
class Alignment:
    """The pairs, and on each side what has none though the other side says it too."""

    pairs: tuple[Pair, ...]
    repeated: tuple[frozenset[int], frozenset[int]]


Free = tuple[list[int], list[int]]
Finder = Callable[[Free, Likenesses], Iterable[Pair]]  #: more pairs of what is left, best first


def nothing_more(_free: Free, _likenesses: Likenesses) -> Iterable[Pair]:
    """For who has no other way to find pairs."""
    return ()


def align(
    left: Sequence[Statement],
    right: Sequence[Statement],
    by_meaning: Finder = nothing_more,
    check: Callable[[], None] = lambda: None,
) -> Alignment:
    """Align two texts; `check` is called again and again and may raise."""
    table = _Table(left, right, check)
    table.in_order()
    table.moved()
    table.cut_elsewhere()
    table.beside(ALIKE)
    table.alike()
    table.beside(ALIKE_HERE)
    table.left_over()
    for pair in by_meaning(table.free, table.likenesses):
        table.take(pair)
    return Alignment(tuple(table.pairs), table.repeated())


class _Table:
    """The statements of both sides and who has found whom."""

    def __init__(
        self, left: Sequence[Statement], right: Sequence[Statement], check: Callable[[], None]
    ) -> None:
        self._sides, self._check = (left, right), check
        self._free = dict.fromkeys(range(len(left))), dict.fromkeys(range(len(right)))
        self._repeated: tuple[set[int], set[int]] = set(), set()
        self._said = [[one.said for one in side] for side in self._sides]
        #: From left to right; both begin and end together.
        self._counterpart = {-1: -1, len(left): len(right)}
        self.likenesses = Likenesses(left, right, self._nearness)
        self.pairs: list[Pair] = []

    @property
    def free(self) -> Free:
        """What belongs to nobody yet, in reading order."""
        return list(self._free[0]), list(self._free[1])

    def take(self, pair: Pair) -> None:
        """Note a pair unless one of both is taken."""
        if pair.left in self._free[0] and pair.right in self._free[1]:
            del self._free[0][pair.left], self._free[1][pair.right]
            self._counterpart[pair.left] = pair.right
            self.pairs.append(pair)

    def in_order(self) -> None:
        """What a diff finds."""
        mine, theirs = ([one.key for one in side] for side in self._sides)
        for left, right in in_order(mine, theirs, lambda n: self._said[0][n] >= TELLING):
            self.take(Pair(left, right, By.SAME, 1.0))

    def moved(self) -> None:
        """The same words elsewhere, if there are enough of them."""
        self._same_words(lambda side, number: self._said[side][number] >= TELLING)

    def left_over(self) -> None:
        """The same words elsewhere, however few."""
        self._same_words(lambda _side, _number: True)

    def _same_words(self, counts: Callable[[int, int], bool]) -> None:
        theirs: defaultdict[str, list[int]] = defaultdict(list)
        for number in reversed(self._free[1]):
            if counts(1, number):
                theirs[self._sides[1][number].key].append(number)
        for number in self.free[0]:
            if counts(0, number) and (same := theirs.get(self._sides[0][number].key)):
                self.take(Pair(number, same.pop(), By.SAME, 1.0))

    def cut_elsewhere(self) -> None:
        """Neighbours that together have the words of one or more of the other side."""
        theirs = {key: run for run, key in self._runs(1)}
        for mine, key in self._runs(0):
            other = theirs.get(key)
            if other is None or len(mine) == len(other) == 1:
                continue
            if all(number in self._free[1] for number in other):
                self._settle(mine, other)

    def _runs(self, side: int) -> Iterator[tuple[range, str]]:
        free, statements = self._free[side], self._sides[side]
        for begin in list(free):
            for end in range(begin + 1, begin + CUT + 1):
                if end - 1 not in free:
                    break
                run = range(begin, end)
                if sum(self._said[side][number] for number in run) >= TELLING_TOGETHER:
                    yield run, " ".join(statements[number].key for number in run)

    def _settle(self, mine: range, theirs: range) -> None:
        """Pairs, if both are cut alike; otherwise both sides say all of it."""
        keys = [[self._sides[side][n].key for n in run] for side, run in enumerate((mine, theirs))]
        if keys[0] == keys[1]:
            for left, right in zip(mine, theirs, strict=True):
                self.take(Pair(left, right, By.SAME, 1.0))
            return
        for side, run in enumerate((mine, theirs)):
            for number in run:
                del self._free[side][number]
                self._repeated[side].add(number)

    def beside(self, enough: float) -> None:
        """What is alike near a pair, in rounds: each new pair shows where to look next."""
        for _ in range(ROUNDS):
            before = len(self.pairs)
            near = (self.likenesses.of(*place) for place in self._near_pairs())
            self._take_best(one for one in near if one.dice >= self._enough(one, enough))
            if len(self.pairs) == before:
                return

    def _watched(self, numbers: Iterable[int]) -> Iterator[int]:
        for done, number in enumerate(numbers):
            if done % WATCHED == 0:
                self._check()
            yield number

    def _near_pairs(self) -> Iterator[tuple[int, int]]:
        for left in self._watched(self._free[0]):
            around = {
                right
                for place in self._expected(left)
                for right in range(place - REACH, place + REACH + 1)
                if right in self._free[1]
            }
            yield from ((left, right) for right in sorted(around))

    def _expected(self, left: int) -> Iterator[int]:
        """Where its counterpart should stand, by the nearest that have found theirs."""
        for direction in (-1, 1):
            for distance in range(1, REACH + 1):
                counterpart = self._counterpart.get(left + direction * distance)
                if counterpart is not None:
                    yield counterpart - direction * distance
                    break

    def _nearness(self, left: int, right: int) -> float:
        away = min((abs(place - right) for place in self._expected(left)), default=REACH + 1)
        return max(0.0, 1.0 - away / (REACH + 1))

    def _enough(self, like: Likeness, enough: float) -> float:
        return enough if self._telling(like) else ALIKE

    def _telling(self, like: Likeness) -> bool:
        return min(self._said[0][like.left], self._said[1][like.right]) >= TELLING

    def alike(self) -> None:
        """The same subject anywhere."""
        found = self.likenesses.among(self._watched(self._free[0]), self.free[1])
        self._take_best(one for one in found if one.dice >= ALIKE and self._known(one))

    def _known(self, like: Likeness) -> bool:
        """Whether the words say enough, or else the title above them is the same."""
        left, right = self._sides[0][like.left], self._sides[1][like.right]
        return self._telling(like) or same_title(left, right)

    def _take_best(self, found: Iterable[Likeness]) -> None:
        for each in sorted(found, key=lambda one: (-one.rank, one.left, one.right)):
            same = self._sides[0][each.left].key == self._sides[1][each.right].key
            by = By.SAME if same else By.WORDS
            self.take(Pair(each.left, each.right, by, round(each.dice, 4)))

    def repeated(self) -> tuple[frozenset[int], frozenset[int]]:
        """What is left on each side though the other side has the same words somewhere."""
        for side in (0, 1):
            said = {one.key for one in self._sides[1 - side]}
            self._repeated[side].update(
                number for number in self._free[side] if self._sides[side][number].key in said
            )
        return frozenset(self._repeated[0]), frozenset(self._repeated[1])
