"""What sentences mean, as far as the embedder knows their language: vectors, each computed once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.embed import Embedder
from ingest.search import UNKNOWN_SHARE


class Meaning:
    """The vectors of the sentences of one step; they come again and again."""

    def __init__(self, embedder: Embedder | None) -> None:
        """Without an embedder no language is known."""
        self._embedder = embedder
        self._known: dict[str, Any] = {}

    def vectors(self, texts: Sequence[str]) -> Any | None:
        """float32[len(texts), dimensions] of length one; None for a language it does not know."""
        embedder = self._embedder
        if embedder is None or not texts or embedder.unknown_share(" ".join(texts)) > UNKNOWN_SHARE:
            return None
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


WORDS_ONLY = Meaning(None)
