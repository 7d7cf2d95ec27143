"""What a reasoning model thinks before it answers, kept apart from the answer.

Such models write `<think>…</think>` first; some templates have opened it in the prompt already,
so that only the end of it is seen.
"""

OPEN, CLOSE = "<think>", "</think>"


class Thinking:
    """Splits one answer into thought and answer while it is written."""

    def __init__(self, *, opened: bool = False) -> None:
        """`opened`: the prompt ended inside the thought."""
        self._held, self._inside = "", opened
        self._thoughts: list[str] = []

    @property
    def thought(self) -> str:
        """What has been thought so far."""
        return "".join(self._thoughts).strip()

    def push(self, text: str) -> str:
        """Add text; returns what of it belongs to the answer for certain."""
        self._held += text
        answer: list[str] = []
        while True:
            mark = CLOSE if self._inside else OPEN
            before, found, after = self._held.partition(mark)
            if not found:
                break
            self._pass_on(before, answer)
            self._held, self._inside = after, not self._inside
        kept = _beginning_of(mark, self._held)
        self._pass_on(self._held[: len(self._held) - kept], answer)
        self._held = self._held[len(self._held) - kept :]
        return "".join(answer)

    def finish(self) -> str:
        """The rest, when nothing more will come."""
        answer: list[str] = []
        self._pass_on(self._held, answer)
        self._held = ""
        return "".join(answer)

    def _pass_on(self, text: str, answer: list[str]) -> None:
        (self._thoughts if self._inside else answer).append(text)


def _beginning_of(mark: str, text: str) -> int:
    """How many characters at the end of `text` may begin the mark."""
    longest = min(len(mark) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if mark.startswith(text[-n:])), 0)
