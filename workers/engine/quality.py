"""How far a re-quantised model has moved from its source: KL divergence on a fixed text.

Teacher forcing: both models read the same words, and at each of them their odds of the next one
are compared. Greedy answers would not do, for small models' likeliest words are often tied.
"""

from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from workers.engine.context import Context, Row, Shape
from workers.engine.model import Model
from workers.engine.topology import usable_cores

TOKENS = 256
TEXT = """\
The annual report of the water company states that supply was interrupted twice. In March a main
of cast iron, laid in 1931, broke below the market square; 4,200 households were without water for
nine hours. In August a pump failed at the northern works. The board has since approved 3.4 million
for renewals, of which 1.9 million will be spent before the end of the next financial year. Where a
contract ends by notice, the notice must be given in writing and reach the other party at least
three months before the end of a quarter. The supplier may not pass on the costs of an audit unless
the audit finds a deviation of more than two per cent.

Question: How many households were without water, and for how long?
Answer: In March 4,200 households had no water for nine hours, because an old main had broken.

年度報告指出，供水曾經兩次中斷。三月間，市集廣場下方一條一九三一年鋪設的鑄鐵水管破裂，四千二百戶停水九小時。
"""


def divergence(source: Path, other: Path) -> float:
    """Mean KL divergence of `other` from `source` in nats per token. Takes seconds.

    Raises ModelMissing or ModelUnusable.
    """
    expected, found = _log_odds(source), _log_odds(other)
    return float((np.exp(expected) * (expected - found)).sum(axis=1).mean())


def _log_odds(path: Path) -> Any:
    """Natural logarithms of the next token's odds: float64, positions × vocabulary."""
    model = Model(path)
    try:
        tokens = model.tokens(TEXT)[:TOKENS]
        context = Context(model, _shape(len(tokens)))
        try:
            context.decode([Row(token, place, 0, True) for place, token in enumerate(tokens)])
            rows = np.stack([_logits(context, row, model) for row in range(len(tokens))])
        finally:
            context.close()
    finally:
        model.close()
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def _logits(context: Context, row: int, model: Model) -> Any:
    first = llama.llama_get_logits_ith(context.handle, row)
    return np.ctypeslib.as_array(first, (model.vocab_size,)).copy()


def _shape(tokens: int) -> Shape:
    cores = usable_cores()
    return Shape(
        sequences=1,
        context_tokens=max(256, tokens),
        batch_tokens=tokens,
        ubatch_tokens=tokens,
        threads=cores,
        prefill_threads=cores,
        flash_attention=False,
        outputs=tokens,
    )
