"""Keeping a small model's summary to what its source says.

A model of a few hundred million parameters invents. Its sentences are kept only when the source
carries them; what is then missing is filled with the source's own most central sentences, in the
source's order, and in a transcript under the name of who said it. A larger model's text passes as
it is: its sentences are judged, and shown as such.
"""

from collections.abc import Iterator

from workers.meaning import WORDS_ONLY, Meaning
from workers.summaries.central import Span, central, mostly_cjk, quotable
from workers.summaries.lengths import AIM, length_of
from workers.summaries.spoken import Speech
from workers.support import Supported, supported

#: Changes with the rules below: part of the content keys of what they have shaped.
VERSION = 6


def faithful(written: str, source: str, length: int, meaning: Meaning, focus: str = "") -> str:
    """The carried sentences of `written`, filled up from `source` to about `length`."""
    kept, speech = _Kept(length), Speech.of(source)
    # Its own words must be the source's: what is only near in meaning may be invented.
    for sentence in supported(written, [source], WORDS_ONLY):
        if sentence.places:
            kept.add(_span(sentence), speech.tidied(sentence.text))
    for span in _ranked(source, focus, meaning):
        if kept.full:
            break
        kept.add(span, speech.quoted(*span))
    return kept.text(_joint(source, speech))


def _joint(source: str, speech: Speech) -> str:
    """Between two sentences; what several people say stands on lines of its own."""
    if speech.names:
        return "\n"
    return "" if mostly_cjk(source) else " "


def _ranked(source: str, focus: str, meaning: Meaning) -> Iterator[Span]:
    """Sentences worth quoting, and only when there are not enough of them the rest."""
    yield from quotable(source, focus, meaning)
    yield from central(source, focus, meaning)


def _span(sentence: Supported) -> Span:
    _, start, end = sentence.places[0]
    return start, end


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
        if length and fits and not any(_overlap(span, other) for other in self._sentences):
            self._sentences[span] = text
            self._length += length

    def text(self, joint: str) -> str:
        told = ""
        for _, sentence in sorted(self._sentences.items()):
            told += (joint or _gap(told, sentence)) + sentence if told else sentence
        return told


def _gap(before: str, after: str) -> str:
    """Between sentences of a text without blanks: “in 1.” and “2 of them。” are not 1.2 of them."""
    return " " if before[-1].isascii() and after[:1].isascii() else ""


def _overlap(left: Span, right: Span) -> bool:
    return left[0] < right[1] and right[0] < left[1]
