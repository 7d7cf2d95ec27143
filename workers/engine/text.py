"""Token bytes → text that may be shown: whole characters only, and nothing behind a stop string.

A token can end in the middle of a character (Chinese often takes two or three tokens) or in the
middle of a stop string; what might still change is held back until it can't.
"""

import codecs


class TextStream:
    """The text of one answer while it grows."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """Add a token's bytes; returns the text that is now certain."""
        self._held += self._decoder.decode(piece)
        cut = self._first_stop()
        if cut is not None:
            shown, self._held, self.stopped = self._held[:cut], "", True
            return shown
        keep = self._possible_stop()
        shown, self._held = (
            self._held[: len(self._held) - keep],
            self._held[len(self._held) - keep :],
        )
        return shown

    def finish(self) -> str:
        """The rest, when no more tokens will come."""
        if self.stopped:
            return ""
        rest, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return rest

    def _first_stop(self) -> int | None:
        """Where the stop string begins that is complete first, however the text was cut up."""
        found = [
            (place + len(stop), place)
            for stop in self._stops
            if (place := self._held.find(stop)) >= 0
        ]
        return min(found)[1] if found else None

    def _possible_stop(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._held)), longest, -1):
                if self._held.endswith(stop[:length]):
                    longest = length
                    break
        return longest
