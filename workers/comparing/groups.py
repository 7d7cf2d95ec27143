"""Alignments of all pairs of texts, merged: what any number of texts say of one subject.

A group holds at most one statement of each text. Groups grow along pairs, surest first, and two
groups that both have a statement of the same text stay apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workers.comparing.alignment import Alignment, By
from workers.comparing.changes import REWORDED, Change, changes, facts_changed
from workers.comparing.statements import Statement

Node = tuple[int, int]  #: a text's place in the comparison, and a statement's in the text
SURE = {By.SAME: 2, By.WORDS: 1, By.MEANING: 0}


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the texts says, and what has changed since the first side."""

    text: int
    statement: Statement
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What several texts say of one subject, in the texts' order; or one text alone."""

    sides: tuple[Side, ...]
    reworded: bool = False  #: one of them has other words for it, as vectors tell

    @property
    def alone(self) -> bool:
        """Whether only one text says it."""
        return len(self.sides) == 1

    @property
    def agrees(self) -> bool:
        """Whether all that speak of it say the same."""
        return not self.alone and not self.reworded and not any(s.changes for s in self.sides)

    @property
    def care(self) -> float:
        """How much a reader cares: most for figures, negations and duties that differ.

        And more the less else differs: what was written anew says something else anyway.
        """
        found = [change for side in self.sides for change in side.changes]
        if self.reworded or not found:
            return REWORDED if self.reworded else 1.0
        words = sum(len(side.statement.words) for side in self.sides)
        changed = min(1.0, sum(change.words for change in found) / words)
        return max(change.care for change in found) * (1.0 - changed / 2)


def merged(
    texts: Sequence[Sequence[Statement]], alignments: Mapping[tuple[int, int], Alignment]
) -> Iterator[Group]:
    """Groups in the order of the first text, then what only later ones say, each in its order.

    Left out is what stands alone in its text only because it stands there more often.
    """
    forest = _Forest()
    for *_, nodes, by in sorted(_edges(alignments), key=lambda edge: edge[:2], reverse=True):
        forest.join(*nodes, by)
    repeated = {
        (text, number)
        for pair, alignment in alignments.items()
        for text, numbers in zip(pair, alignment.repeated, strict=True)
        for number in numbers
    }
    for text, found in enumerate(texts):
        for number in range(len(found)):
            tree = forest.tree((text, number))
            first = min(tree.nodes) == (text, number)
            if first and (len(tree.nodes) > 1 or (text, number) not in repeated):
                yield _group(texts, tree)


def _edges(
    alignments: Mapping[tuple[int, int], Alignment],
) -> Iterator[tuple[int, float, tuple[Node, Node], By]]:
    for (left, right), alignment in alignments.items():
        for pair in alignment.pairs:
            nodes = (left, pair.left), (right, pair.right)
            yield SURE[pair.by], pair.score, nodes, pair.by


def _group(texts: Sequence[Sequence[Statement]], tree: "_Tree") -> Group:
    statements = [(text, texts[text][number]) for text, number in sorted(tree.nodes)]
    (text, first), *others = statements
    tell = facts_changed if tree.reworded else changes
    sides = [Side(text, first)]
    sides += [Side(other, one, tuple(tell(first, one))) for other, one in others]
    return Group(tuple(sides), tree.reworded)


@dataclass(slots=True)
class _Tree:
    nodes: list[Node]
    reworded: bool = False


@dataclass(slots=True)
class _Forest:
    """Which statements belong together so far."""

    _trees: dict[Node, _Tree] = field(default_factory=dict)

    def tree(self, node: Node) -> _Tree:
        """All that belongs together with `node`."""
        return self._trees.setdefault(node, _Tree([node]))

    def join(self, left: Node, right: Node, by: By) -> None:
        """Join what belongs to both, unless a text would be in it twice."""
        mine, theirs = self.tree(left), self.tree(right)
        texts = {text for text, _ in mine.nodes}
        if any(text in texts for text, _ in theirs.nodes):
            return
        mine.nodes += theirs.nodes
        mine.reworded = mine.reworded or theirs.reworded or by is By.MEANING
        for node in theirs.nodes:
            self._trees[node] = mine
