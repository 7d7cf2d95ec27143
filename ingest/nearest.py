"""The vectors of a few documents, compared one by one, from where SQL keeps them.

A graph of neighbours is walked from near to nearer. If hardly any of a million may be found, nearly
all of them are visited before a hundred are met: of a document's few hundred chunks, the graph is
the slow way, and an approximate one.
"""

from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.filters import Part
from ingest.tables import ChunkRow, EmbeddingRow
from ingest.vectors import Hit

FEW = 1_000  #: chunks, some ten microseconds each


def among_few(
    session: Session, generation_id: str, part: Part, vector: Any, limit: int
) -> list[Hit] | None:
    """The chunks of some versions that are nearest to a vector of unit length, best first.

    None where they are too many, or not told by their versions.
    """
    if not part.version_ids:
        return None
    wanted = select(ChunkRow.id).where(ChunkRow.version_id.in_(part.version_ids))
    if part.pages is not None:
        wanted = wanted.where(ChunkRow.page.between(*part.pages))
    ids = session.scalars(wanted.limit(FEW + 1)).all()
    if len(ids) > FEW:
        return None
    # By their ids alone: joined, SQLite would begin with all vectors of the generation.
    own = EmbeddingRow.chunk_id.in_(ids), EmbeddingRow.generation_id == generation_id
    rows = session.execute(select(EmbeddingRow.chunk_id, EmbeddingRow.vector).where(*own)).all()
    if not rows:
        return []
    kept = np.frombuffer(b"".join(kept for _, kept in rows), "<f2").reshape(len(rows), -1)
    similarities = kept.astype(np.float32) @ vector
    best = np.argsort(-similarities)[:limit]
    return [Hit(rows[at][0], float(similarities[at])) for at in best]
