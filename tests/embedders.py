"""Embedders beside the bundled one: a real one made of its files, and one that only seems to be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fakes import FakeEmbedder
from safetensors.numpy import save_file

from ingest import embed
from ingest.fingerprints import fingerprint

DIMENSIONS = 64


def small_embedder(folder: Path) -> Path:
    """A real sentence-transformers folder: the bundled model, brought to fewer dimensions."""
    folder.mkdir(parents=True)
    for path in embed.bundled().iterdir():
        (folder / path.name).symlink_to(path)
    modules = json.loads((folder / "modules.json").read_text())
    kind = "sentence_transformers.models.Dense"
    modules.insert(2, {"idx": 2, "name": "2", "path": "2_Dense", "type": kind})
    modules[3] |= {"idx": 3, "name": "3"}
    (folder / "modules.json").unlink()
    (folder / "modules.json").write_text(json.dumps(modules))
    dense = folder / "2_Dense"
    dense.mkdir()
    shape = {"in_features": 384, "out_features": DIMENSIONS, "bias": False}
    activation = {"activation_function": "torch.nn.modules.linear.Identity"}
    (dense / "config.json").write_text(json.dumps(shape | activation))
    weights = np.random.default_rng(7).normal(size=(DIMENSIONS, 384)).astype(np.float32)
    save_file({"linear.weight": weights}, dense / "model.safetensors")
    return folder


class FolderEmbedder(FakeEmbedder):
    """Vectors of words, as the fake's, by a model of which there is a folder."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"dimensions": dimensions}))
        self.folder, self.name, self.dimensions = str(folder), folder.name, dimensions
        self.former = f"{folder.name}:{dimensions}"
        self.fingerprint = fingerprint(folder, dimensions, 256, {})
        self.texts = 0  #: that were embedded

    def embed(self, texts: list[str], check: Callable[[], None] = lambda: None) -> Any:
        self.texts += len(texts)
        return super().embed(texts, check)

    def embed_question(self, text: str) -> Any:
        return super().embed([text])[0]

    def leave(self) -> None:
        """Be there no more."""
        shutil.rmtree(self.folder)
