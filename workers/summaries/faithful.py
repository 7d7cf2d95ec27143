"""Keeping a small model's summary to what its source says.

A model of a few hundred million parameters invents. Its sentences are kept only when the source
carries them; what is then missing is filled with the source's own most central sentences, in the
source's order. A larger model's text passes as it is: it paraphrases, and string evidence would
call that unproved.
"""

from workers.citations import carrier, runs, sentence_spans
from workers.summaries.central import Span, central, mostly_cjk, quotable
from workers.summaries.lengths import AIM, length_of

#: Changes with the rules below: part of the content keys of what they have shaped.
VERSION = 2


def faithful(written: str, source: str, length: int, focus: str = "") -> str:
    """The carried sentences of `written`, filled up from `source` to about `length`."""
    kept = _Kept(length)
    places = list(runs(source)) if written else []
    for start, end in sentence_spans(written):
        text = " ".join(written[start:end].split())
        span = carrier(text, places)
        if span is not None:
            kept.add(span, text)
    for span in (*quotable(source, focus), *central(source, focus)):
        if kept.full:
            break
        kept.add(span, " ".join(source[slice(*span)].split()))
    return kept.text("" if mostly_cjk(source) else " ")


class _Kept:
    """Sentences by their places in the source, as many as the length allows."""

    def __init__(self, length: int) -> None:
        self._sentences: dict[Span, str] = {}
        self._length, self._wanted = 0, length

    @property
    def full(self) -> bool:
        return self._length >= (1 - AIM) * self._wanted

    def add(self, span: Span, text: str) -> None:
        """Keep it if it is new and fits; the first one always does."""
        length = length_of(text)
        fits = not self._sentences or self._length + length <= (1 + AIM) * self._wanted
        if fits and not any(_overlap(span, other) for other in self._sentences):
            self._sentences[span] = text
            self._length += length

    def text(self, joint: str) -> str:
        return joint.join(self._sentences[span] for span in sorted(self._sentences))


def _overlap(left: Span, right: Span) -> bool:
    return left[0] < right[1] and right[0] < left[1]
