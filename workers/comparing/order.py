"""What two sequences have in common, in the order they share.

Patience diff (Bram Cohen): what stands once on each side, in its longest common order, and from
there what is the same beside it. It takes n log n steps where difflib may take n², and what stands
only once is seldom the same by chance.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence


def in_order(
    left: Sequence[str], right: Sequence[str], known: Callable[[int], bool]
) -> Iterator[tuple[int, int]]:
    """Pairs of places with the same content, rising on both sides.

    `known` tells of a place on the left whether its content may stand for itself.
    """
    unique = [pair for pair in _unique(left, right) if known(pair[0])]
    begin = other = 0
    for place, other_place in (*_longest_rising(unique), (len(left), len(right))):
        while begin < place and other < other_place and left[begin] == right[other]:
            yield begin, other
            begin, other = begin + 1, other + 1
        back = 0
        while (
            place - back > begin
            and other_place - back > other
            and left[place - back - 1] == right[other_place - back - 1]
        ):
            back += 1
        for away in range(back, 0, -1):
            yield place - away, other_place - away
        if place < len(left):
            yield place, other_place
        begin, other = place + 1, other_place + 1


def _unique(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Places of what stands once on each side."""
    counts, others = Counter(left), Counter(right)
    places = {content: place for place, content in enumerate(right) if others[content] == 1}
    return [
        (place, places[content])
        for place, content in enumerate(left)
        if counts[content] == 1 and content in places
    ]


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second places rise (Fredman, 1975)."""
    tails: list[int] = []  # second place at the end of the best run of each length
    ends: list[int] = []  # the pair it ends with
    before: list[int | None] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tails, place)
        before.append(ends[length - 1] if length else None)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    run = []
    at = ends[-1] if ends else None
    while at is not None:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]
