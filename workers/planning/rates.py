"""What a step of the engine costs in seconds: the formulas of docs/capacity.md, and nothing else.

A step of n rows takes as long as the slowest of three things, which overlap, and what doesn't:

    reading     bytes of the weights that n rows meet ÷ bandwidth
    unpacking   weights of less than eight bits ÷ what the cores unpack in a second
    computing   2 × weights of a row × (n + 4 − 4/n) ÷ operations a second
    + 16 barriers a layer, + attention: each row meets every KV cell before it

After the roofline of Williams, Waterman and Patterson (2009). Units are seconds, bytes, operations,
tokens.
"""

from dataclasses import dataclass

BARRIERS_PER_LAYER = 16  #: operations after which all threads wait for each other
#: A product of few rows takes as long as one of so many more, at most, at the pace of a large one:
#: kernels for few rows unpack weights again and again. A single row is bound by unpacking alone.
FEW_ROWS = 4
#: Attention computes in floating point: a third of the pace of products of packed weights.
ATTENTION_SHARE = 1 / 3
#: KV is read by one thread for each head, which gets half of what weights get.
KV_SHARE = 1 / 2
#: Products of experts, whose rows are gathered first, reach half the pace of others.
EXPERTS_SHARE = 1 / 2
UBATCH = 512  #: rows computed at once
KV_BYTES = 2  #: of an element, f16


@dataclass(frozen=True, slots=True)
class Speed:
    """What one engine gets out of its machine, in practice."""

    bandwidth: float  #: bytes/s
    unpacking: float  #: weights/s
    operations: float  #: a second
    barrier: float  #: seconds


@dataclass(frozen=True, slots=True)
class Demand:
    """What a model in a format asks of the machine."""

    always: float  #: bytes of weights that every row meets
    routed: float  #: bytes of all experts together
    packed: float  #: weights that a row unpacks
    dense_weights: float  #: that a row is multiplied with, experts and output not among them
    expert_weights: float  #: those of the experts that a row meets
    output_weights: float  #: of the output matrix: for rows that are sampled alone
    layers: int
    cell_bytes: float  #: of K and V that a token keeps
    cell_operations: float  #: of a row for each token before it
    used: int = 0  #: experts of a row
    experts: int = 0

    def read(self, rows: int) -> float:
        """Bytes that `rows` read: experts are chosen by each row for itself, some of them twice."""
        met = 1 - (1 - self.used / self.experts) ** rows if self.experts else 1.0
        return self.always + self.routed * met


def step_seconds(demand: Demand, speed: Speed, rows: int, sampled: int | None = None) -> float:
    """A step of `rows`, of which `sampled` (all, if not said) get a next token; no attention."""
    reading = demand.read(rows) / speed.bandwidth
    unpacking = demand.packed / speed.unpacking
    weights = demand.dense_weights + demand.expert_weights / EXPERTS_SHARE
    work = weights * (rows + FEW_ROWS - FEW_ROWS / rows)
    work += demand.output_weights * (rows if sampled is None else sampled)
    waiting = BARRIERS_PER_LAYER * demand.layers * speed.barrier
    return max(reading, unpacking, 2 * work / speed.operations) + waiting


def cell_seconds(demand: Demand, speed: Speed, rows: int) -> float:
    """Attention of one of `rows` of the same sequence to one cell; they share the reading."""
    reading = demand.cell_bytes / (speed.bandwidth * KV_SHARE) / rows
    return max(reading, demand.cell_operations / (speed.operations * ATTENTION_SHARE))


def decode_seconds(demand: Demand, speed: Speed, sequences: int, depth: float) -> float:
    """A token for each of `sequences`, `depth` tokens long."""
    attention = sequences * depth * cell_seconds(demand, speed, 1)
    return step_seconds(demand, speed, sequences) + attention


def prompt_seconds(
    demand: Demand, speed: Speed, tokens: int, *, before: int = 0, ubatch: int = UBATCH
) -> float:
    """A prompt of `tokens` behind `before` tokens that are known; it ends with the first token."""
    total, done = 0.0, 0
    while done < tokens:
        rows = min(ubatch, tokens - done)
        last = done + rows == tokens
        cells = before + done + (rows + 1) / 2
        total += step_seconds(demand, speed, rows, sampled=int(last))
        total += rows * cells * cell_seconds(demand, speed, rows)
        done += rows
    return total
