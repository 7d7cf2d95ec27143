"""A model to plan for: by its name and format, or by its file."""

from dataclasses import dataclass

from workers.planning import formats, rates
from workers.planning.rates import Demand
from workers.planning.shapes import Shape, find

DEFAULT_FORMAT = "Q4_K_M"


@dataclass(frozen=True, slots=True)
class Planned:
    """A shape in a format."""

    shape: Shape
    form: str
    size: int  #: bytes of the file
    demand: Demand
    told: str  #: where the sizes are from

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.shape.name} {self.form}"

    @property
    def bits(self) -> float:
        """Of a weight, on average."""
        return 8 * self.size / self.shape.weights


def named(name: str, kv_bytes: float = rates.KV_BYTES) -> Planned:
    """`70B-Q4_K_M`, `Qwen3-8B-Q8_0`; Q4_K_M where no format is said.

    Raises ModelUnknown or FormatUnknown.
    """
    model, form = formats.split_name(name)
    shape = find(model)
    return of(shape, form or DEFAULT_FORMAT, kv_bytes)


def of(shape: Shape, form: str, kv_bytes: float = rates.KV_BYTES) -> Planned:
    """A shape in a format. Raises FormatUnknown."""
    size = formats.sized(shape, form)
    told = "published shape, llama.cpp's rule for the format"
    return Planned(shape, form.upper(), size.whole, demand(shape, size, kv_bytes), told)


def of_size(shape: Shape, form: str, size: int, told: str, kv_bytes: float) -> Planned:
    """A shape whose file has `size` bytes, which need not be what the format makes of it."""
    computed = formats.sized(shape, form)
    scale = size / computed.whole
    real = formats.Bytes(size, computed.always * scale, computed.routed * scale, computed.packed)
    return Planned(shape, form, size, demand(shape, real, kv_bytes), told)


def demand(shape: Shape, size: formats.Bytes, kv_bytes: float) -> Demand:
    """What it asks of a machine."""
    share = shape.used / shape.experts if shape.experts else 0.0
    output = shape.vocabulary * shape.width
    routed = sum(matrix.weights for matrix in shape.matrices() if matrix.routed) * share
    elements = shape.cell(shape.context)
    return Demand(
        always=size.always,
        routed=size.routed,
        packed=size.packed,
        dense_weights=shape.active - output - routed,
        expert_weights=routed,
        output_weights=output,
        layers=shape.layers,
        cell_bytes=elements * kv_bytes,
        cell_operations=_cell_operations(shape),
        used=shape.used,
        experts=shape.experts,
    )


def _cell_operations(shape: Shape) -> float:
    """A score and a share of the value, for every head: two products of a head's length each."""
    far = (shape.layers - shape.windowed) * shape.heads
    if shape.kv_rank:
        return 2.0 * far * (2 * shape.kv_rank + shape.rope)
    return 4.0 * far * shape.head
