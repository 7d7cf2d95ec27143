"""Prompt lookup: what followed the last words before may follow them again.

Drafts come out of the prompt and the answer so far, by their last tokens (Saxena, "Prompt Lookup
Decoding", 2023). One decode checks a whole draft; what the model would have said otherwise is
thrown away. Pays only while rows of one sequence cost less than steps, so the number of rows is
chosen by what they cost here and by how often drafts were right lately.
"""

from collections.abc import Mapping

GRAM = 3  #: tokens that must repeat
MEMORY = 0.9  #: weight of earlier drafts in the share of accepted tokens
FIRST_GUESS = 0.6
GAIN_WORTH = 1.1  #: expected tokens for the time of one, below which a draft is not worth it
TRY_AGAIN = 48  #: steps without a draft after which one is tried all the same


class Lookup:
    """The drafts of one sequence."""

    def __init__(self, prompt: tuple[int, ...], row_cost: Mapping[int, float]) -> None:
        """`row_cost`: rows of one sequence in one decode → seconds, as the tuner measured them."""
        self._tokens = list(prompt)
        self._next: dict[tuple[int, ...], int] = {}
        for end in range(GRAM, len(self._tokens)):
            self._next[tuple(self._tokens[end - GRAM : end])] = end
        self._cost = row_cost
        self._right = FIRST_GUESS
        self._silent = 0

    def push(self, token: int) -> None:
        """The sequence went on with `token`."""
        if len(self._tokens) >= GRAM:
            self._next[tuple(self._tokens[-GRAM:])] = len(self._tokens)
        self._tokens.append(token)

    def draft(self, limit: int) -> tuple[int, ...]:
        """At most `limit` tokens that may come next; none when trying them would lose time."""
        begin = self._next.get(tuple(self._tokens[-GRAM:]))
        rows = self._rows()
        self._silent = 0 if rows > 1 else self._silent + 1
        if begin is None or limit < 1:
            return ()
        if rows == 1 and self._silent >= TRY_AGAIN:
            rows, self._silent = 2, 0
        return tuple(self._tokens[begin : begin + min(limit, rows - 1)])

    def judged(self, drafted: int, accepted: int) -> None:
        """How a draft fared."""
        for place in range(min(drafted, accepted + 1)):
            right = 1.0 if place < accepted else 0.0
            self._right = MEMORY * self._right + (1 - MEMORY) * right

    def _rows(self) -> int:
        """The rows of a decode that bring most tokens for their time."""
        alone = self._cost.get(1)
        if not alone:
            return 1
        best, most = 1, GAIN_WORTH
        for rows, seconds in self._cost.items():
            expected = sum(self._right**place for place in range(rows))
            if expected * alone / seconds > most:
                best, most = rows, expected * alone / seconds
        return best
