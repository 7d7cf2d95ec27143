"""Statements that say the like in other words, by the vectors of the embedder.

Chunks have vectors already. They tell where to look: at statements without a counterpart, in chunks
of both sides that are near each other. Of those, pairs that share some of their words get vectors
of their own, the likeliest first, and at most so many. So the cost is bounded for texts of any
length: one product of the two sides' chunk vectors, and EMBEDDED sentences.

A vector does not tell 5 from 6, nor “rose” from “fell”. So what is found here never counts as the
same; it is shown side by side, with the figures, names and negations that differ.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.embed import Embedder
from ingest.search import UNKNOWN_SHARE
from workers.comparing.alignment import TELLING, By, Free, Pair
from workers.comparing.similarity import Likenesses
from workers.comparing.source import Source

EMBEDDED = 240  #: statements of both sides together
CHUNKS_NEAR = 0.55  #: cosine of chunks that may speak of the same
NEIGHBOURS = 3  #: chunks of the other side that are looked at for each
SOME_WORDS = 0.2  #: alike by their words, of statements that may say the like
NEAR = 0.8  #: cosine of statements that do
BATCH = 16  #: statements between two looks whether anybody still wants it
SAMPLE = 2_000  #: characters by which the embedder sees whether it knows the language

Likely = tuple[float, int, int]  #: how likely, and two statements or chunks, one of each side


@dataclass(frozen=True, slots=True)
class Meaning:
    """A finder of pairs for `alignment.align`."""

    left: Source
    right: Source
    embedder: Embedder
    check: Callable[[], None]  #: may raise

    def __call__(self, free: Free, likenesses: Likenesses) -> Iterable[Pair]:
        """Pairs of what is left, best first; nothing in a language the embedder does not know."""
        if not self._known():
            return []
        likely = self._likely(free, likenesses)
        left = self._vectors(self.left, {mine for _, mine, _ in likely})
        right = self._vectors(self.right, {theirs for _, _, theirs in likely})
        found = [
            Pair(mine, theirs, By.MEANING, round(float(left[mine] @ right[theirs]), 4))
            for _, mine, theirs in likely
        ]
        return sorted((pair for pair in found if pair.score >= NEAR), key=lambda pair: -pair.score)

    def _known(self) -> bool:
        texts = (
            " ".join(one.text for one in source.statements)[:SAMPLE]
            for source in (self.left, self.right)
        )
        return all(self.embedder.unknown_share(text) <= UNKNOWN_SHARE for text in texts)

    def _likely(self, free: Free, likenesses: Likenesses) -> list[Likely]:
        """Pairs worth a vector, as many as there may be."""
        left, right = _by_chunk(self.left, free[0]), _by_chunk(self.right, free[1])
        found = sorted(
            (
                (cosine * likenesses.of(mine, theirs).dice, mine, theirs)
                for cosine, chunk, other in self._near_chunks(list(left), list(right))
                for mine in left[chunk]
                for theirs in right[other]
                if likenesses.of(mine, theirs).dice >= SOME_WORDS
            ),
            reverse=True,
        )
        return list(_as_many_as_may_be(found))

    def _near_chunks(self, left: Sequence[int], right: Sequence[int]) -> Iterator[Likely]:
        """Cosine and ordinals of chunks that are near each other."""
        mine = [number for number in left if number in self.left.vectors]
        theirs = [number for number in right if number in self.right.vectors]
        if not mine or not theirs:
            return
        rows = np.stack([self.left.vectors[number] for number in mine])
        columns = np.stack([self.right.vectors[number] for number in theirs])
        if rows.shape[1] != columns.shape[1]:  # of different embedders
            return
        cosines = rows @ columns.T
        for row, number in enumerate(mine):
            for column in np.argsort(-cosines[row])[:NEIGHBOURS]:
                if cosines[row, column] >= CHUNKS_NEAR:
                    yield float(cosines[row, column]), number, theirs[column]

    def _vectors(self, source: Source, numbers: Iterable[int]) -> Mapping[int, Any]:
        wanted = sorted(numbers)
        made: dict[int, Any] = {}
        for begin in range(0, len(wanted), BATCH):
            self.check()
            batch = wanted[begin : begin + BATCH]
            texts = [" ".join(source.statements[number].text.split()) for number in batch]
            made.update(zip(batch, self.embedder.embed(texts), strict=True))
        return made


def _by_chunk(source: Source, free: Sequence[int]) -> Mapping[int, list[int]]:
    """What says enough to have a meaning of its own."""
    held: defaultdict[int, list[int]] = defaultdict(list)
    for number in free:
        statement = source.statements[number]
        if statement.said >= TELLING:
            held[statement.chunk].append(number)
    return held


def _as_many_as_may_be(likely: Iterable[Likely]) -> Iterator[Likely]:
    left, right = set[int](), set[int]()
    for each in likely:
        left.add(each[1])
        right.add(each[2])
        if len(left) + len(right) > EMBEDDED:
            return
        yield each
