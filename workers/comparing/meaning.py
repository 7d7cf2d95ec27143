"""Statements that say the like in other words, by the vectors of the embedder.

Chunks have vectors already. They tell which statements are worth a vector of their own: those
without a counterpart, in chunks of both sides that are near each other, nearest first, and at most
so many. That bounds the cost for texts of any length: EMBEDDED sentences and one product of the
two sides' chunk vectors.

A vector does not tell 5 from 6, nor “rose” from “fell”. So what is found here never counts as the
same; it is shown side by side, with the figures, names and negations that differ.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.embed import Embedder
from ingest.search import UNKNOWN_SHARE
from workers.comparing.alignment import By, Free, Pair
from workers.comparing.source import Source

EMBEDDED = 600  #: statements of both sides together
CHUNKS_NEAR = 0.55  #: cosine of chunks that may speak of the same
NEIGHBOURS = 3  #: chunks of the other side that are looked at for each
NEAR = 0.8  #: cosine of statements that speak of the same
BATCH = 64  #: statements between two looks whether anybody still wants it
SAMPLE = 2_000  #: characters by which the embedder sees whether it knows the language


@dataclass(frozen=True, slots=True)
class Meaning:
    """A finder of pairs for `alignment.align`."""

    left: Source
    right: Source
    embedder: Embedder
    check: Callable[[], None]  #: may raise

    def __call__(self, free: Free) -> Iterable[Pair]:
        """Pairs of what is left, best first; nothing in a language the embedder does not know."""
        near = list(self._near_chunks(free)) if self._known() else []
        chosen = self._chosen(free, near)
        if not all(chosen):
            return []
        vectors = [self._vectors(side, numbers) for side, numbers in enumerate(chosen)]
        cosines = vectors[0] @ vectors[1].T
        rows, columns = np.nonzero(cosines >= NEAR)
        found = [
            Pair(chosen[0][row], chosen[1][column], By.MEANING, round(float(cosine), 4))
            for row, column, cosine in zip(rows, columns, cosines[rows, columns], strict=True)
        ]
        return sorted(found, key=lambda pair: -pair.score)

    def _known(self) -> bool:
        texts = (" ".join(one.text for one in self._of(side).statements) for side in (0, 1))
        return all(self.embedder.unknown_share(text[:SAMPLE]) <= UNKNOWN_SHARE for text in texts)

    def _of(self, side: int) -> Source:
        return (self.left, self.right)[side]

    def _near_chunks(self, free: Free) -> Iterator[tuple[float, int, int]]:
        """Cosine and ordinals of chunks that are near each other and hold something free."""
        ordinals = [self._free_chunks(side, free[side]) for side in (0, 1)]
        if not all(ordinals):
            return
        left, right = (
            np.stack([self._of(side).vectors[number] for number in ordinals[side]])
            for side in (0, 1)
        )
        if left.shape[1] != right.shape[1]:  # of different embedders
            return
        cosines = left @ right.T
        for row, mine in enumerate(ordinals[0]):
            for column in np.argsort(-cosines[row])[:NEIGHBOURS]:
                if cosines[row, column] >= CHUNKS_NEAR:
                    yield float(cosines[row, column]), mine, ordinals[1][column]

    def _free_chunks(self, side: int, free: Sequence[int]) -> list[int]:
        source = self._of(side)
        ordinals = {source.statements[number].chunk for number in free}
        return sorted(ordinals & source.vectors.keys())

    def _chosen(
        self, free: Free, near: list[tuple[float, int, int]]
    ) -> tuple[list[int], list[int]]:
        """The statements of the nearest chunks, as many as may be embedded."""
        within = [self._by_chunk(side, free[side]) for side in (0, 1)]
        chosen: tuple[dict[int, None], dict[int, None]] = {}, {}
        for _, *chunks in sorted(near, reverse=True):
            for side in (0, 1):
                chosen[side].update(dict.fromkeys(within[side][chunks[side]]))
            if len(chosen[0]) + len(chosen[1]) >= EMBEDDED:
                break
        return list(chosen[0]), list(chosen[1])

    def _by_chunk(self, side: int, free: Sequence[int]) -> dict[int, list[int]]:
        held: defaultdict[int, list[int]] = defaultdict(list)
        for number in free:
            held[self._of(side).statements[number].chunk].append(number)
        return held

    def _vectors(self, side: int, numbers: Sequence[int]) -> Any:
        texts = [" ".join(self._of(side).statements[n].text.split()) for n in numbers]
        made = []
        for begin in range(0, len(texts), BATCH):
            self.check()
            made.append(self.embedder.embed(texts[begin : begin + BATCH]))
        return np.concatenate(made)
