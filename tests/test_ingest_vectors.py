"""The index of vectors, in a real Chroma server."""

import numpy as np
import pytest
from test_workers_deletion import chroma_url as chroma_url  # noqa: PLC0414 - a fixture

from ingest.errors import IndexLost
from ingest.vectors import Entry, VectorIndex

VECTOR = np.array([1.0, 0.0], np.float32)


def test_a_collection_that_was_removed_and_made_anew_is_found(chroma_url: str) -> None:
    asking, other = VectorIndex(chroma_url), VectorIndex(chroma_url)
    other.add("col", [Entry("before", "ver", "doc", 1, VECTOR)])
    assert [hit.chunk_id for hit in asking.search("col", VECTOR, 5)] == ["before"]
    other.remove_collection("col")
    with pytest.raises(IndexLost):
        asking.search("col", VECTOR, 5)
    other.add("col", [Entry("after", "ver", "doc", 1, VECTOR)])
    assert [hit.chunk_id for hit in asking.search("col", VECTOR, 5)] == ["after"]
