"""How many rows each writing sequence gets in a step: its last token, and a draft behind it.

Rows are cheap where a step is bound by reading weights and by attention of one row, and dear where
it is bound by arithmetic; that is measured (`Profile.step_cost`). All sequences of a step get the
same number, because llama.cpp computes only equal numbers of rows together.
"""

from collections.abc import Iterable
from collections.abc import Sequence as Items

from workers.engine.sequence import Sequence

GAIN_WORTH = 1.05  #: times the tokens per second without drafts, below which none is tried
TRY_AGAIN = 48  #: steps without a draft after which a short one is tried all the same

#: Sequences, rows of each, seconds of a decode.
StepCost = tuple[int, int, float]


class Drafter:
    """Chooses by what a step costs and by how often guesses were right lately."""

    def __init__(self, step_cost: Iterable[StepCost], context_tokens: int) -> None:
        """Without figures nothing is ever drafted. `context_tokens`: cells of each sequence."""
        self._cost: dict[int, dict[int, float]] = {}
        for sequences, rows, seconds in step_cost:
            self._cost.setdefault(sequences, {})[rows] = seconds
        self._context_tokens = context_tokens
        self._silent = 0

    def rows(self, writing: Items[Sequence]) -> int:
        """The rows of each sequence that bring most tokens for their time."""
        costs = self._costs(len(writing)) if writing else {}
        room = self._context_tokens - max((len(one.tokens) for one in writing), default=0)
        costs = {rows: seconds for rows, seconds in costs.items() if rows <= room}
        if 1 not in costs:
            return 1
        best, most = 1, GAIN_WORTH * len(writing) / costs.pop(1)
        for rows, seconds in costs.items():
            speed = sum(one.expected(rows - 1) for one in writing) / seconds
            if speed > most:
                best, most = rows, speed
        self._silent = 0 if best > 1 else self._silent + 1
        if self._silent >= TRY_AGAIN and costs:
            self._silent, best = 0, min(costs)
        return best

    def _costs(self, sequences: int) -> dict[int, float]:
        """Seconds by rows, between what was measured of fewer and of more sequences."""
        if sequences in self._cost or not self._cost:
            return dict(self._cost.get(sequences, {}))
        few, many = min(self._cost), max(self._cost)
        if few == many:
            return {}
        share = (sequences - few) / (many - few)
        return {
            rows: (1 - share) * self._cost[few][rows] + share * seconds
            for rows, seconds in self._cost[many].items()
            if rows in self._cost[few]
        }
