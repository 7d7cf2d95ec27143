"""Embedding in bfloat16, where the processor has units for it and the vectors stay what they were.

AMX and AVX-512 BF16 multiply bfloat16 several times as fast as float32; elsewhere it is emulated
and slow. Which it is here is not believed but tried, on made texts, once.
"""

import time
from copy import deepcopy
from typing import Any

import structlog
import torch
from sentence_transformers import SentenceTransformer

from ingest.processor import multiplies_bfloat16

#: Least cosine of a text's two vectors, and how much faster it must be to be worth a second model.
AGREES, FASTER = 0.999, 1.2
#: As long as chunks are, and different.
PROBES = [f"Section {number}: water mains renewed, {number} % in 20{number}. " * 8 for number in
          range(10, 26)]  # fmt: skip

log = structlog.get_logger()


def fastest(model: SentenceTransformer) -> SentenceTransformer:
    """The model to embed documents with: itself, or a copy in bfloat16."""
    if not multiplies_bfloat16():
        return model
    half = deepcopy(model).to(torch.bfloat16)
    (exact, slow), (near, quick) = _tried(model), _tried(half)
    agreement = float((exact * near).sum(axis=1).min())
    chosen = half if agreement >= AGREES and slow >= FASTER * quick else model
    log.info(
        "embedder_precision",
        bfloat16=chosen is half,
        times_as_fast=round(slow / quick, 2),
        least_cosine=round(agreement, 5),
    )
    return chosen


def vectors_of(model: SentenceTransformer, texts: list[str]) -> Any:
    """Unit vectors of one batch of documents, float32, whatever the model computes in."""
    made: Any = model.encode_document(
        texts, batch_size=len(texts), convert_to_tensor=True, show_progress_bar=False
    )
    return torch.nn.functional.normalize(made.float()).numpy()


def _tried(model: SentenceTransformer) -> tuple[Any, float]:
    """Vectors of the probes, and the seconds of the second time: the first one warms up."""
    vectors_of(model, PROBES)
    began = time.perf_counter()
    vectors = vectors_of(model, PROBES)
    return vectors, time.perf_counter() - began
