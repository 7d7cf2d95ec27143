"""What a ranking is worth: for each question, which of the passages found are of the evidence.

hit@k      share of questions with evidence among the first k
mrr        mean of 1 ÷ rank of the first, 0 where there is none among the first ten
ndcg@10    gain of the first ten, discounted by rank, against the best order of the same ten
interval   95 % of the means of hit@5 over questions drawn again (Efron's bootstrap)
"""

import math
import random
from collections.abc import Sequence

AT = (1, 3, 5, 10)
DEPTH = max(AT)
DRAWS = 2_000
Hits = Sequence[bool]  #: of one question, best first, at most DEPTH


def measures(all_hits: Sequence[Hits]) -> dict[str, float]:
    """Every measure of a ranking, over at least one question."""
    count = len(all_hits)
    found = {f"hit@{k}": sum(any(hits[:k]) for hits in all_hits) / count for k in AT}
    mrr = sum(_reciprocal(hits) for hits in all_hits) / count
    return {**found, "mrr": mrr, "ndcg@10": sum(map(_ndcg, all_hits)) / count}


def interval(all_hits: Sequence[Hits]) -> tuple[float, float]:
    """Where 95 % of the means of hit@5 lie. The same in every run."""
    drawn, found = random.Random("interval"), [any(hits[:5]) for hits in all_hits]
    means = sorted(sum(drawn.choices(found, k=len(found))) / len(found) for _ in range(DRAWS))
    return means[round(0.025 * DRAWS)], means[round(0.975 * DRAWS) - 1]


def _reciprocal(hits: Hits) -> float:
    return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)


def _ndcg(hits: Hits) -> float:
    best = _gain(sorted(hits, reverse=True))
    return _gain(hits) / best if best else 0.0


def _gain(hits: Hits) -> float:
    return sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
