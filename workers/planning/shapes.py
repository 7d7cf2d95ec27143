"""The shape of a model, and the matrices that it consists of.

Numbers are those of the model's published `config.json`; `models.csv` holds them with the address.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from workers.planning.errors import ModelUnknown

TABLE = Path(__file__).with_name("models.csv")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights that are multiplied with a row, of one layer or of none."""

    part: str  #: embedding, output, query, key, value, out, gate, up, down, router or norm
    columns: int  #: length of a row of weights, which blocks must divide
    weights: int
    layer: int = -1
    routed: bool = False  #: one of many experts, of which a row meets a few


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a transformer of llama's kind, with experts or latent attention if it has them."""

    name: str
    layers: int
    width: int  #: of an embedding
    hidden: int  #: of a feed-forward layer without experts
    heads: int
    kv_heads: int
    head: int  #: elements of a key, and of a value
    vocabulary: int
    tied: int  #: 1: the output matrix is the embedding
    context: int  #: tokens it was trained on
    experts: int = 0  #: of a layer
    used: int = 0  #: experts that a row meets
    expert_hidden: int = 0
    shared_hidden: int = 0  #: of the expert that every row meets
    dense: int = 0  #: first layers that have no experts
    window: int = 0  #: tokens that a layer with a sliding window looks back
    windowed: int = 0  #: such layers
    q_rank: int = 0  #: latent attention (DeepSeek): ranks of queries and of keys with values
    kv_rank: int = 0
    rope: int = 0  #: elements of a latent key that carry its position

    @property
    def weights(self) -> int:
        """All parameters."""
        return sum(matrix.weights for matrix in self.matrices())

    @property
    def active(self) -> int:
        """Parameters that one row meets, the output with them and the embedding not."""
        share = self.used / self.experts if self.experts else 1.0
        return round(
            sum(
                matrix.weights * (share if matrix.routed else 1.0)
                for matrix in self.matrices()
                if matrix.part != "embedding" or self.tied
            )
        )

    def cell(self, depth: int = 0) -> float:
        """Elements of K and V that a token keeps, of a sequence of `depth` tokens.

        Layers with a window keep no more than the window: over a long sequence that is little.
        """
        if self.kv_rank:
            return self.layers * (self.kv_rank + self.rope)
        each = 2 * self.kv_heads * self.head
        far = min(1.0, self.window / depth) if self.window and depth else 1.0
        return each * (self.layers - self.windowed + self.windowed * far)

    def matrices(self) -> Iterator[Matrix]:
        """Every matrix, and the norms as one vector a layer."""
        table = self.vocabulary * self.width
        yield Matrix("embedding", self.width, table)
        if not self.tied:
            yield Matrix("output", self.width, table)
        for layer in range(self.layers):
            yield from self._attention(layer)
            yield from self._forward(layer)
            yield Matrix("norm", 1, 2 * self.width, layer)

    def _attention(self, layer: int) -> Iterator[Matrix]:
        inner, outer = self.heads * self.head, self.kv_heads * self.head
        if self.kv_rank:
            key = inner + self.heads * self.rope
            latent = self.kv_rank + self.rope
            yield Matrix("query", self.width, self.width * self.q_rank, layer)
            yield Matrix("query", self.q_rank, self.q_rank * key, layer)
            yield Matrix("key", self.width, self.width * latent, layer)
            yield Matrix("key", self.kv_rank, self.kv_rank * 2 * inner, layer)
        else:
            yield Matrix("query", self.width, self.width * inner, layer)
            yield Matrix("key", self.width, self.width * outer, layer)
            yield Matrix("value", self.width, self.width * outer, layer)
        yield Matrix("out", inner, inner * self.width, layer)

    def _forward(self, layer: int) -> Iterator[Matrix]:
        if not self.experts or layer < self.dense:
            yield from self._three(layer, self.hidden, 1)
            return
        yield Matrix("router", self.width, self.width * self.experts, layer)
        yield from self._three(layer, self.expert_hidden, self.experts)
        if self.shared_hidden:
            yield from self._three(layer, self.shared_hidden, 1)

    def _three(self, layer: int, hidden: int, copies: int) -> Iterator[Matrix]:
        """Gate, up and down of a feed-forward layer, once or for each expert."""
        size, routed = self.width * hidden * copies, copies > 1
        yield Matrix("gate", self.width, size, layer, routed)
        yield Matrix("up", self.width, size, layer, routed)
        yield Matrix("down", hidden, size, layer, routed)


@cache
def table() -> tuple[tuple[Shape, tuple[str, ...], str], ...]:
    """The models that are known: shape, other names, source."""
    sizes = [field.name for field in fields(Shape) if field.name != "name"]
    with TABLE.open(newline="") as file:
        return tuple(
            (
                Shape(row["name"], **{size: int(row[size] or 0) for size in sizes}),
                tuple(row["also"].split()),
                row["source"],
            )
            for row in csv.DictReader(file)
        )


def find(name: str) -> Shape:
    """The model of a name, in any case, or of its short name such as 70B. Raises ModelUnknown."""
    wanted = name.casefold()
    for shape, others, _ in table():
        if wanted in {shape.name.casefold(), *(other.casefold() for other in others)}:
            return shape
    names = ", ".join(" = ".join([*others, shape.name]) for shape, others, _ in table())
    raise ModelUnknown(name=name, names=names)
