"""The shape of a model in a GGUF file, by its header."""

from dataclasses import replace
from pathlib import Path

from workers.engine.header import Header, header
from workers.planning import formats, models
from workers.planning.models import Planned
from workers.planning.rates import KV_BYTES
from workers.planning.shapes import Shape, table


def read(path: Path, kv_bytes: float = KV_BYTES) -> Planned:
    """A model's files: their own size counts. Raises ModelMissing or ModelUnusable."""
    told = header(path)
    shape = shape_of(told, path.stem)
    form = told.format if told.format in formats.MIXTURES else nearest(shape, told.file_bytes)
    return models.of_size(shape, form, told.file_bytes, str(path), kv_bytes)


def shape_of(told: Header, name: str) -> Shape:
    """The published shape that has these sizes, or else one of llama's kind with as many weights.

    What the header leaves out is told by the number of weights: whether the output matrix is the
    embedding, and how large an expert is.
    """
    for shape, _, _ in table():
        sizes = (shape.layers, shape.width, shape.heads, shape.vocabulary)
        if sizes == (told.layers, told.width, told.heads, told.vocabulary):
            return shape
    head = told.width // max(1, told.heads)
    untied = Shape(
        name=name,
        layers=told.layers,
        width=told.width,
        hidden=told.hidden,
        heads=told.heads,
        kv_heads=max(1, told.kv_width // (2 * max(1, told.layers) * max(1, head))),
        head=head,
        vocabulary=told.vocabulary,
        tied=0,
        context=told.trained_context,
        experts=told.experts,
        used=told.experts_used,
    )
    if told.experts:
        rest = told.parameters - untied.weights
        each = round(rest / (3 * told.layers * told.experts * told.width))
        return replace(untied, expert_hidden=max(0, each))
    shapes = (untied, replace(untied, tied=1))
    return min(shapes, key=lambda shape: abs(shape.weights - told.parameters))


def nearest(shape: Shape, size: int) -> str:
    """The format whose computed size comes nearest."""
    return min(formats.MIXTURES, key=lambda form: abs(formats.sized(shape, form).whole - size))
