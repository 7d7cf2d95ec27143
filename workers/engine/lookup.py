"""Prompt lookup: what followed the last words before may follow them again.

Guesses come out of the prompt and the answer so far, by their last tokens (Saxena, "Prompt Lookup
Decoding", 2023). One decode checks a whole draft; what the model would have said otherwise is
thrown away. Whether that pays is for `drafter` to say.
"""

GRAM = 3  #: tokens that must repeat
MEMORY = 0.9  #: weight of earlier drafts in the share of right guesses
FIRST_GUESS = 0.6


class Lookup:
    """The guesses of one sequence, and how often they were right lately."""

    def __init__(self, prompt: tuple[int, ...]) -> None:
        """Remember where each three tokens of the prompt last stood."""
        self._tokens = list(prompt)
        self._next: dict[tuple[int, ...], int] = {}
        for end in range(GRAM, len(self._tokens)):
            self._next[tuple(self._tokens[end - GRAM : end])] = end
        self._right = FIRST_GUESS

    def push(self, token: int) -> None:
        """The sequence went on with `token`."""
        if len(self._tokens) >= GRAM:
            self._next[tuple(self._tokens[-GRAM:])] = len(self._tokens)
        self._tokens.append(token)

    def guess(self, limit: int) -> tuple[int, ...]:
        """At most `limit` tokens that may come next."""
        begin = self._next.get(tuple(self._tokens[-GRAM:]))
        return () if begin is None else tuple(self._tokens[begin : begin + limit])

    def expected(self, limit: int) -> float:
        """Tokens that a decode with at most `limit` guesses is likely to bring."""
        return sum(self._right**place for place in range(1 + len(self.guess(limit))))

    def judged(self, guessed: int, accepted: int) -> None:
        """The first `accepted` of so many guesses were right."""
        for place in range(min(guessed, accepted + 1)):
            right = 1.0 if place < accepted else 0.0
            self._right = MEMORY * self._right + (1 - MEMORY) * right
