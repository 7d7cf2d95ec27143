"""A text as whole chunks of tokens, as llama.cpp's own tools cut it to measure models."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.engine.context import Context, Shape
from workers.engine.model import Model
from workers.engine.topology import usable_cores

CHUNK = 512  #: tokens read at once, as upstream's default


def chunked(model: Model, text: str, most: int | None = None) -> list[list[int]]:
    """At most `most` whole chunks; the model's first token, if it has one, stands in front of each.

    As upstream: the text is tokenised once, and a chunk's first token gives way to the model's.
    """
    tokens = [model.bos, *model.tokens(text)] if model.adds_bos else model.tokens(text)
    count = len(tokens) // CHUNK
    count = count if most is None else min(count, most)
    found = [tokens[number * CHUNK : (number + 1) * CHUNK] for number in range(count)]
    if model.adds_bos:
        for chunk in found:
            chunk[0] = model.bos
    return found


@contextmanager
def reader(model: Model, tokens: int = CHUNK, observed_by: object = None) -> Iterator[Context]:
    """A context that reads so many tokens at once, on every core; closed when the block ends."""
    cores = usable_cores()
    shape = Shape(
        sequences=1,
        context_tokens=max(256, tokens),
        batch_tokens=tokens,
        ubatch_tokens=tokens,
        threads=cores,
        prefill_threads=cores,
        flash_attention=False,
        outputs=tokens,
    )
    context = Context(model, shape, observed_by)
    try:
        yield context
    finally:
        context.close()
