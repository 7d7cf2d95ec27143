"""What the tensors of a model take, layer by layer, read without loading it."""

import re
from dataclasses import dataclass
from pathlib import Path

from workers.engine import parts

LAYER = re.compile(r"blk\.(\d+)\.")
EMBEDDINGS, OUTPUT = "token_embd.weight", "output.weight"


@dataclass(frozen=True, slots=True)
class Layers:
    """Bytes by where they belong."""

    each: tuple[int, ...]
    input: int  #: embeddings, and what belongs to no layer
    output: int  #: what makes logits of the last layer; of tied embeddings a copy
    largest: int  #: of a single tensor

    @property
    def total(self) -> int:
        """Of all of them."""
        return sum(self.each) + self.input + self.output


def layers(path: Path, count: int) -> Layers:
    """Those of a model that has so many. Raises ModelMissing or ModelUnusable."""
    sizes = {tensor.name: tensor.size for file in parts.check(path) for tensor in file.tensors}
    by_layer = [0] * count
    rest = output = 0
    for name, size in sizes.items():
        if (found := LAYER.match(name)) and int(found[1]) < count:
            by_layer[int(found[1])] += size
        elif name.startswith("output"):
            output += size
        else:
            rest += size
    if OUTPUT not in sizes:
        output += sizes.get(EMBEDDINGS, 0)
    return Layers(tuple(by_layer), rest, output, max(sizes.values(), default=0))
