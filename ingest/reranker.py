"""The first of a ranking put in order by a cross-encoder, as far as there is time for it.

It reads a passage together with the question and so tells apart what a vector of each can't
(Nogueira and Cho 2019, arXiv:1901.04085), at the cost of a pass of a model for every passage. That
is why it has a budget: what is not reached in time keeps its place behind what was.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentence_transformers import CrossEncoder

from ingest.compute import compute
from ingest.errors import RerankerMissing
from ingest.openmp import ComputingThread
from ingest.passages import Found

FEW = 2  #: pairs at once: the finer, the nearer to the budget
LONGEST_TOKENS = 512


class Reranker:
    """A loaded cross-encoder. Thread-safe: callers take turns."""

    def __init__(self, folder: str, milliseconds: int) -> None:
        """Load the sentence-transformers model in `folder`. Raises RerankerMissing."""
        path = Path(folder).expanduser().absolute()
        if not (path / "config.json").is_file():
            raise RerankerMissing(path=path)
        self._model = CrossEncoder(
            str(path), device="cpu", local_files_only=True, max_length=LONGEST_TOKENS, num_labels=1
        )
        self._budget = milliseconds / 1e3
        self._thread = ComputingThread("reranker")

    def reordered(self, question: str, found: Sequence[Found]) -> list[Found]:
        """`found` with those that were read first, best first, each with its score."""
        ends, took = time.monotonic() + self._budget, 0.0
        read: list[Found] = []
        for begin in range(0, len(found), FEW):
            began = time.monotonic()
            if began + took > ends:  # the next ones would take as long
                break
            few = found[begin : begin + FEW]
            read += map(_with_score, few, self._scores(question, few))
            took = time.monotonic() - began
        read.sort(key=lambda one: -(one.reranked or 0.0))
        return [*read, *found[len(read) :]]

    def _scores(self, question: str, few: Sequence[Found]) -> Any:
        pairs = [(question, f"{one.heading}\n{one.text}".strip()) for one in few]
        with compute.turn(urgent=True):
            return self._thread.run(
                self._model.predict, pairs, batch_size=FEW, show_progress_bar=False
            )


def _with_score(one: Found, score: Any) -> Found:
    return replace(one, reranked=float(score))
