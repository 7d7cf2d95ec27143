"""The shares of a step as rows of a batch, and which of their logits are wanted."""

from dataclasses import dataclass

from workers.engine.context import Row
from workers.engine.policy import Share
from workers.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Sampled:
    """Rows of a decode whose logits a sequence wants."""

    sequence: Sequence
    row: int  #: the first
    tokens: tuple[int, ...]  #: the decoded tokens from that row on


def rows_of(shares: tuple[Share, ...]) -> tuple[list[Row], list[Sampled]]:
    """Batch rows of the shares, and which rows' logits each sequence samples from.

    In the order of their slots: llama.cpp computes only ascending neighbours together.
    """
    rows: list[Row] = []
    sampled: list[Sampled] = []
    for share in sorted(shares, key=lambda one: one.sequence.slot.number):
        sequence, begin = share.sequence, len(share.sequence.tokens)
        number = sequence.slot.number
        wanted = _first_wanted(share)
        if wanted < len(share.tokens):
            sampled.append(Sampled(sequence, len(rows) + wanted, share.tokens[wanted:]))
        for offset, token in enumerate(share.tokens):
            rows.append(Row(token, begin + offset, number, offset >= wanted))
    return rows, sampled


def _first_wanted(share: Share) -> int:
    """The first of the share's tokens behind which is sampled; their number when behind none."""
    request = share.sequence.request
    if not share.sequence.prefilling:
        return 0
    complete = len(share.sequence.tokens) + len(share.tokens) >= len(request.prompt)
    return len(share.tokens) - 1 if complete and request.max_tokens else len(share.tokens)
