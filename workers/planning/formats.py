"""How many bytes a model's weights take in each of llama.cpp's formats, matrix by matrix.

Blocks are those of ggml (`workers/engine/formats.py`). Which block a matrix gets in a mixed format
is llama.cpp's own rule (`llama_tensor_get_type_impl` in `src/llama-quant.cpp`, without an
importance matrix), and so is what takes its place where a row is no multiple of the block
(`tensor_type_fallback`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.engine.formats import TENSORS
from workers.planning.errors import FormatUnknown
from workers.planning.shapes import Matrix, Shape

#: Block → weights in it, bytes it takes.
BLOCKS: Mapping[str, tuple[int, int]] = {
    packed.name: (packed.block, packed.size) for packed in TENSORS.values()
}
#: What is taken in place of a block of 256 where a row can't be divided so.
INSTEAD: Mapping[str, str] = {
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
    "IQ2_XXS": "IQ4_NL",
    "IQ2_XS": "IQ4_NL",
    "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL",
    "IQ3_S": "IQ4_NL",
    "IQ4_XS": "IQ4_NL",
}
PLAIN = ("F32", "F16", "BF16")
#: A block of this many bits and more is read about as it stands; a smaller one is unpacked.
WIDE_BITS = 8


@dataclass(frozen=True, slots=True)
class Mixture:
    """Which block each part gets: by its place first, then by its name, else the usual one."""

    usual: str
    output: str = "Q6_K"
    embedding: str = ""  #: empty: the usual one
    always: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)  #: in the layers that get more bits
    first: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    #: value matrices that four or more query heads share are small, and get this
    shared_value: str = ""

    def block(self, matrix: Matrix, shape: Shape) -> str:
        """The block of a matrix before it is known whether its rows can be divided so."""
        part = "output" if matrix.part == "embedding" and shape.tied else matrix.part
        if part == "output":
            return self.output
        if part == "embedding":
            return self.embedding or self.usual
        if part in self.first:
            share, block = self.first[part]
            if matrix.layer < int(share * shape.layers if share < 1 else share):
                return block
        if part in self.more and has_more_bits(matrix.layer, shape.layers):
            return self.more[part]
        if part == "value" and self.shared_value and shape.heads >= 4 * shape.kv_heads:
            return self.shared_value
        return self.always.get(part, self.usual)


MIXTURES: Mapping[str, Mixture] = {
    **{name: Mixture(name, output=name) for name in (*PLAIN, "Q8_0")},
    **{name: Mixture(name) for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q6_K")},
    "MXFP4": Mixture("Q8_0", output="Q8_0", always=dict.fromkeys(("gate", "up", "down"), "MXFP4")),
    "Q2_K": Mixture(
        "Q2_K",
        always={"value": "Q3_K", "down": "Q3_K", "out": "Q3_K"},
        shared_value="Q4_K",
    ),
    "Q3_K_S": Mixture("Q3_K"),
    "Q3_K_M": Mixture(
        "Q3_K",
        always={"value": "Q4_K", "down": "Q4_K", "out": "Q4_K"},
        first={"value": (2, "Q5_K"), "down": (1 / 16, "Q5_K")},
    ),
    "Q3_K_L": Mixture("Q3_K", always={"value": "Q5_K", "down": "Q5_K", "out": "Q5_K"}),
    "Q4_K_S": Mixture("Q4_K", first={"value": (4, "Q5_K"), "down": (1 / 8, "Q5_K")}),
    "Q4_K_M": Mixture("Q4_K", more={"value": "Q6_K", "down": "Q6_K"}),
    "Q5_K_S": Mixture("Q5_K"),
    "Q5_K_M": Mixture("Q5_K", more={"value": "Q6_K", "down": "Q6_K"}),
    "IQ4_XS": Mixture("IQ4_XS", first={"down": (1 / 8, "Q5_K")}, shared_value="Q5_K"),
    "IQ4_NL": Mixture("IQ4_NL", first={"down": (1 / 8, "Q5_K")}, shared_value="Q5_K"),
    "IQ3_S": Mixture("IQ3_S", shared_value="Q4_K"),
    "IQ3_M": Mixture(
        "IQ3_S", always={"value": "Q4_K", "out": "Q4_K"}, first={"down": (1 / 8, "Q4_K")}
    ),
    "IQ2_XXS": Mixture(
        "IQ2_XXS",
        output="Q5_K",
        embedding="Q2_K",
        always={"value": "Q2_K"},
        first={"down": (1 / 8, "Q2_K")},
        shared_value="Q4_K",
    ),
}
#: Models of 70 billion share a value matrix among eight heads, and get one step more for it.
SEVENTY = (80, 8_192)


def has_more_bits(layer: int, layers: int) -> bool:
    """llama.cpp's `use_more_bits`: the first and the last eighth, and every third between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def split_name(name: str) -> tuple[str, str]:
    """`70B-Q4_K_M` → `70B`, `Q4_K_M`; a name without a format has an empty one."""
    model, _, form = name.rpartition("-")
    return (model, form.upper()) if model and form.upper() in MIXTURES else (name, "")


def mixture(form: str) -> Mixture:
    """The mixture of a format's name. Raises FormatUnknown."""
    if form.upper() not in MIXTURES:
        raise FormatUnknown(name=form, names=", ".join(MIXTURES))
    return MIXTURES[form.upper()]


def block_of(matrix: Matrix, shape: Shape, mixed: Mixture) -> str:
    """The block that a matrix is kept in."""
    if matrix.part in {"norm", "router"}:
        return "F32"
    block = mixed.block(matrix, shape)
    if matrix.part == "value" and (shape.layers, shape.width) == SEVENTY and block == "Q4_K":
        block = "Q5_K"
    if matrix.columns % BLOCKS[block][0]:
        block = INSTEAD.get(block, block)
    return "F16" if matrix.columns % BLOCKS[block][0] else block


@dataclass(frozen=True, slots=True)
class Bytes:
    """What a model's weights take, and what of it a row reads."""

    whole: int
    always: float  #: read for every row
    routed: float  #: of all experts together, of which a row reads a few
    packed: float  #: weights that a row unpacks, blocks under a byte


def sized(shape: Shape, form: str) -> Bytes:
    """The bytes of a model in a format. Raises FormatUnknown."""
    mixed, share = mixture(form), shape.used / shape.experts if shape.experts else 1.0
    whole, always, routed, packed = 0.0, 0.0, 0.0, 0.0
    for matrix in shape.matrices():
        count, size = BLOCKS[block_of(matrix, shape, mixed)]
        taken = matrix.weights * size / count
        whole += taken
        if matrix.part == "embedding" and not shape.tied:
            continue  # a row is looked up in it, and that is all
        always += 0.0 if matrix.routed else taken
        routed += taken if matrix.routed else 0.0
        if 8 * size < WIDE_BITS * count:
            packed += matrix.weights * (share if matrix.routed else 1.0)
    return Bytes(round(whole), always, routed, packed)
