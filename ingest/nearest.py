"""The vectors of a few documents, compared one by one, from where SQL keeps them.

A graph of neighbours is walked from near to nearer. If hardly any of a million may be found, nearly
all of them are visited before a hundred are met: of a document's few hundred chunks, the graph is
the slow way, and an approximate one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.filters import Part
from ingest.tables import ChunkRow, EmbeddingRow
from ingest.vectors import Hit

FEW = 4_000  #: chunks, some five microseconds each


def among_few(
    session: Session, generation_id: str, part: Part, vector: Any, limit: int
) -> list[Hit] | None:
    """The chunks of some versions that are nearest to a vector of unit length, best first.

    None where they are too many, or not told by their versions.
    """
    if not part.version_ids:
        return None
    own = (EmbeddingRow.chunk_id == ChunkRow.id) & (EmbeddingRow.generation_id == generation_id)
    # An outer join, so that SQLite begins with the chunks; else it takes the generation's vectors.
    wanted = select(ChunkRow.id, EmbeddingRow.vector).outerjoin(EmbeddingRow, own)
    wanted = wanted.where(ChunkRow.version_id.in_(part.version_ids))
    if part.pages is not None:
        wanted = wanted.where(ChunkRow.page.between(*part.pages))
    there: Sequence[tuple[str, bytes | None]] = session.execute(wanted.limit(FEW + 1)).all()
    if len(there) > FEW:
        return None
    embedded = [(chunk_id, blob) for chunk_id, blob in there if blob is not None]
    if not embedded:
        return []
    kept = np.frombuffer(b"".join(blob for _, blob in embedded), "<f2")
    similarities = kept.reshape(len(embedded), -1).astype(np.float32) @ vector
    best = np.argsort(-similarities)[:limit]
    return [Hit(embedded[at][0], float(similarities[at])) for at in best]
