"""KV states of prefixes that requests share, such as a system prompt: computed once, copied in.

Least recently used states go first when the memory limit is reached. Knows tokens and bytes,
not what they mean.
"""

from collections import OrderedDict


class PrefixCache:
    """States by the tokens they hold."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._states: OrderedDict[tuple[int, ...], bytes] = OrderedDict()
        self._bytes = 0

    def __contains__(self, tokens: tuple[int, ...]) -> bool:
        return tokens in self._states

    def put(self, tokens: tuple[int, ...], state: bytes) -> None:
        """Keep a state; larger ones than the whole limit are not kept."""
        if len(state) > self._limit or tokens in self._states:
            return
        self._states[tokens] = state
        self._bytes += len(state)
        while self._bytes > self._limit:
            _, dropped = self._states.popitem(last=False)
            self._bytes -= len(dropped)

    def longest(self, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], bytes] | None:
        """The longest kept prefix of `prompt` and its state."""
        best: tuple[int, ...] = ()
        for tokens in self._states:
            if len(best) < len(tokens) < len(prompt) and prompt[: len(tokens)] == tokens:
                best = tokens
        if not best:
            return None
        self._states.move_to_end(best)
        return best, self._states[best]

    def drop(self, tokens: tuple[int, ...]) -> None:
        """Forget a state that turned out to be unusable."""
        state = self._states.pop(tokens, b"")
        self._bytes -= len(state)


def common_length(left: list[int], right: tuple[int, ...]) -> int:
    """How many leading tokens two sequences share."""
    shared = 0
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            break
        shared += 1
    return shared
