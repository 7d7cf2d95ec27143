"""An importance matrix as a file: upstream's own form, so that either side's tools read it.

GGUF with `general.type` imatrix, and for each weight the tensors NAME.in_sum2 (sums of squares)
and NAME.counts (tokens); see `save_imatrix` in tools/imatrix of llama.cpp. One pair is ours: what
the calibration text says, as digests, so that no model is judged by the words it was made with.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from ingest.errors import LecternError
from workers.engine.importance import Importance, Sums

TYPE, KIND = "general.type", "imatrix"
DATASETS, CHUNKS, CHUNK = "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"
SENTENCES = "lectern.calibration.sentences"
SQUARES, COUNTS = ".in_sum2", ".counts"


class MatrixUnusable(LecternError):
    """The file {path} is no importance matrix: {reason}."""

    code = "matrix_unusable"


def write(matrix: Importance, path: Path) -> None:
    """Whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}")
    writer = gguf.GGUFWriter(part, KIND)
    writer.add_string(TYPE, KIND)
    writer.add_array(DATASETS, list(matrix.datasets))
    writer.add_uint32(CHUNKS, matrix.chunks)
    writer.add_uint32(CHUNK, matrix.chunk)
    if matrix.sentences:
        writer.add_array(SENTENCES, sorted(matrix.sentences))
    for name, sums in matrix.weights.items():
        squares = sums.squares.reshape(len(sums.counts), -1).astype(np.float32)
        writer.add_tensor(name + SQUARES, squares)
        writer.add_tensor(name + COUNTS, sums.counts.reshape(-1, 1).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def read(path: Path) -> Importance:
    """Ours, or one that upstream's tool has written. Raises MatrixUnusable."""
    try:
        reader = gguf.GGUFReader(path)
        if _told(reader, TYPE) != KIND:
            raise ValueError("its type is another")
        return _importance(reader)
    except (OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        raise MatrixUnusable(path=path, reason=error) from error


def described(matrix: Importance) -> dict[str, Any]:
    """What of a matrix is noted of a model that was made with it."""
    digest = hashlib.sha256()
    for name, means in matrix.means().items():
        digest.update(name.encode() + means.tobytes())
    told = {"datasets": list(matrix.datasets), "chunks": matrix.chunks}
    return told | {"weights": len(matrix.weights), "sha256": digest.hexdigest()}


def _importance(reader: Any) -> Importance:
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    names = [name.removesuffix(SQUARES) for name in tensors if name.endswith(SQUARES)]
    if not names:
        raise ValueError("it holds nothing")
    return Importance(
        weights={name: _sums(tensors, name) for name in sorted(names)},
        chunks=int(_told(reader, CHUNKS) or 0),
        chunk=int(_told(reader, CHUNK) or 0),
        datasets=tuple(_told(reader, DATASETS) or ()),
        sentences=frozenset(_told(reader, SENTENCES) or ()),
    )


def _sums(tensors: dict[str, Any], name: str) -> Sums:
    squares, counts = tensors[name + SQUARES].data, tensors[name + COUNTS].data
    if squares.dtype != np.float32 or counts.dtype != np.float32:
        raise ValueError(f"{name} is not F32")
    counted = np.rint(counts.reshape(-1)).astype(np.int64)
    found = squares.reshape(len(counted), -1).astype(np.float64)
    if not np.isfinite(found).all() or (found < 0).any() or (counted < 0).any():
        raise ValueError(f"{name} has values that are no sums of squares")
    return Sums(found, counted)


def _told(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
