"""Two texts side by side: which statement of one belongs to which of the other.

In this order, each from what the ones before have left over:

1. in order: the same words, as a diff finds them (longest matching blocks, Ratcliff and Obershelp);
2. moved: the same words elsewhere, and sentences that were only cut in other places;
3. alike: the same subject by the words that tell most (`similarity`), best first;
4. by meaning, if whoever calls can tell (`meaning`);
5. repeated: what the other side says too, but more or less often.

Two versions of a text have most of it in common: the first pass finds their frame, and the third
looks in the gaps of that frame first. Two different texts have no frame, and any place is as good
as another. So nobody has to say which of both it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from workers.comparing.similarity import Likeness, Likenesses, same_title
from workers.comparing.statements import Statement

#: Two statements belong together when they are so much alike, anywhere or at the same place.
ALIKE, ALIKE_HERE = 0.6, 0.45
#: Statements of a gap that is small enough to be one place.
NEAR = 24
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
Finder = Callable[[Free], Iterable[Pair]]  #: more pairs of what is left, best first


def nothing_more(_free: Free) -> Iterable[Pair]:
    """For who has no other way to find pairs."""
    return ()


def align(
    left: Sequence[Statement],
    right: Sequence[Statement],
    by_meaning: Finder = nothing_more,
    check: Callable[[], None] = lambda: None,
) -> Alignment:
    """Align two texts; `check` is called between the passes and may raise."""
    table = _Table(left, right)
    for step in (table.in_order, table.moved, table.cut_elsewhere, table.alike):
        step()
        check()
    for pair in by_meaning(table.free):
        table.take(pair)
    repeated = table.repeated()
    return Alignment(tuple(table.pairs), repeated)


class _Table:
    """The statements of both sides and who has found whom."""

    def __init__(self, left: Sequence[Statement], right: Sequence[Statement]) -> None:
        self._sides = left, right
        self._free = dict.fromkeys(range(len(left))), dict.fromkeys(range(len(right)))
        self._repeated: tuple[set[int], set[int]] = set(), set()
        self._gaps: tuple[dict[int, int], dict[int, int]] = {}, {}
        self._sizes: Counter[int] = Counter()
        self.pairs: list[Pair] = []

    @property
    def free(self) -> Free:
        """What belongs to nobody yet, in reading order."""
        return list(self._free[0]), list(self._free[1])

    def take(self, pair: Pair) -> None:
        """Note a pair unless one of both is taken."""
        if pair.left in self._free[0] and pair.right in self._free[1]:
            del self._free[0][pair.left], self._free[1][pair.right]
            self.pairs.append(pair)

    def in_order(self) -> None:
        """What a diff finds, and the gaps that it leaves."""
        mine, theirs = ([one.key for one in side] for side in self._sides)
        matcher = SequenceMatcher(None, mine, theirs)
        for left, right, size in matcher.get_matching_blocks():
            for offset in range(size):
                self.take(Pair(left + offset, right + offset, By.SAME, 1.0))
        for gap, (tag, *bounds) in enumerate(matcher.get_opcodes()):
            if tag != "equal":
                self._note_gap(gap, *bounds)

    def _note_gap(self, gap: int, *bounds: int) -> None:
        left_begin, left_end, right_begin, right_end = bounds
        self._sizes[gap] = left_end - left_begin + right_end - right_begin
        self._gaps[0].update(dict.fromkeys(range(left_begin, left_end), gap))
        self._gaps[1].update(dict.fromkeys(range(right_begin, right_end), gap))

    def moved(self) -> None:
        """The same words elsewhere, if there are enough of them."""
        self._same_words(lambda side, number: self._sides[side][number].said >= TELLING)

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
                if sum(statements[number].said for number in run) >= TELLING_TOGETHER:
                    yield run, " ".join(statements[number].key for number in run)

    def _settle(self, mine: range, theirs: range) -> None:
        for side, run in enumerate((mine, theirs)):
            for number in run:
                del self._free[side][number]
                self._repeated[side].add(number)

    def alike(self) -> None:
        """The same subject, best first."""
        likenesses = Likenesses(*self._sides, self._same_place)
        found = [each for each in likenesses.among(*self.free) if self._belongs(each)]
        for each in sorted(found, key=lambda one: (-one.rank, one.left, one.right)):
            self.take(Pair(each.left, each.right, By.WORDS, round(each.dice, 4)))

    def _same_place(self, left: int, right: int) -> bool:
        gap = self._gaps[0].get(left)
        return gap is not None and gap == self._gaps[1].get(right) and self._sizes[gap] <= NEAR

    def _belongs(self, like: Likeness) -> bool:
        here = self._same_place(like.left, like.right)
        left, right = self._sides[0][like.left], self._sides[1][like.right]
        if min(left.said, right.said) < TELLING:
            return like.dice >= ALIKE and (here or same_title(left, right))
        return like.dice >= (ALIKE_HERE if here else ALIKE)

    def repeated(self) -> tuple[frozenset[int], frozenset[int]]:
        """What is left on each side though the other side has the same words somewhere."""
        self._same_words(lambda _side, _number: True)
        for side in (0, 1):
            said = {one.key for one in self._sides[1 - side]}
            self._repeated[side].update(
                number for number in self._free[side] if self._sides[side][number].key in said
            )
        return frozenset(self._repeated[0]), frozenset(self._repeated[1])
