"""`lectern models imatrix`: which columns of a model's weights a text uses most."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingest.errors import Refused
from workers.engine import importance, library
from workers.engine.chunks import CHUNK
from workers.engine.quality import TextTooShort
from workers.models import making, matrix, sentences, texts
from workers.models.shelf import BUNDLED, ModelNotShelved
from workers.models.telling import Tell

#: Chunks of 512 tokens that are read when nobody says how many.
CHUNKS = 100
FEWEST = 2  #: of them, as upstream
#: What a chunk's activations and logits take, beside the weights.
ROOM_BYTES = 1 << 30


class TextUnclear(Refused):
    """Say what to calibrate with: --text FILE… or --collection NAME, one of both."""

    code = "text_unclear"


def run(
    tell: Tell,
    *,
    name: str,
    text: Sequence[str] | None = None,
    collection: str | None = None,
    chunks: int | None = None,
) -> dict[str, Any]:
    """Compute the matrix of a model on the shelf, and put it beside it.

    Raises what is named here and in `texts`, ModelNotShelved, TextTooShort, MemoryTooSmall,
    ModelUnusable or LibraryUnusable.
    """
    if bool(text) == bool(collection):
        raise TextUnclear
    if name == BUNDLED:
        raise ModelNotShelved(name=name)
    library.quiet()
    model, most = making.shelf().find(name), chunks or CHUNKS
    making.require_memory(name, model.size + ROOM_BYTES)
    given = (
        texts.from_collection(str(collection), most)
        if collection
        else texts.from_files([Path(one) for one in text or ()])
    )
    found = importance.collect(
        model.path, given.words, most, lambda done, total: tell("reading", done, total)
    )
    if found.chunks < FEWEST:
        raise TextTooShort(least=FEWEST * CHUNK)
    found = replace(found, datasets=given.names, sentences=sentences.digests(given.words))
    path = model.folder / making.MATRIX
    matrix.write(found, path)
    unused = sum(int((one.counts == 0).sum()) for one in found.weights.values())
    return {"name": name, "path": str(path), "unused": unused} | matrix.described(found)
