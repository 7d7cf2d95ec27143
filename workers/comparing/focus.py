"""What of a comparison concerns a subject that somebody named.

By the subject's words in a statement and in the titles above it, and, in the languages the embedder
knows, by how near the statement's chunk is. No model is asked and nothing is embedded but the
subject itself.
"""

from collections.abc import Sequence

from ingest.embed import Embedder
from ingest.search import UNKNOWN_SHARE
from ingest.words import question_words, words
from workers.comparing.groups import Group
from workers.comparing.source import Source

ABOVE = 0.6  #: what a word counts that stands in a title above the statement
ENOUGH = 0.34  #: of the subject's words
NEAR = 0.45  #: cosine of subject and chunk


class Focus:
    """A subject to look for."""

    def __init__(self, subject: str, embedder: Embedder) -> None:
        self._words = frozenset(question_words(subject))
        self._vector = None
        if embedder.unknown_share(subject) <= UNKNOWN_SHARE:
            self._vector = embedder.embed_question(subject)

    def concerns(self, group: Group, sources: Sequence[Source]) -> bool:
        """Whether one of the group's sides speaks of the subject."""
        return any(
            self._shared(side.statement.text, side.statement.heading) >= ENOUGH
            or self._near(sources[side.text], side.statement.chunk)
            for side in group.sides
        )

    def _shared(self, text: str, heading: str) -> float:
        if not self._words:
            return 0.0
        inside = self._words & set(words(text))
        above = (self._words & set(words(heading))) - inside
        return (len(inside) + ABOVE * len(above)) / len(self._words)

    def _near(self, source: Source, chunk: int) -> bool:
        vector = source.vectors.get(chunk)
        if self._vector is None or vector is None or len(vector) != len(self._vector):
            return False
        return float(vector @ self._vector) >= NEAR
