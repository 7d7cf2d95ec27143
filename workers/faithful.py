"""Keeping a small model's summary to what its source says.

A model of a few hundred million parameters invents. Its sentences are kept only when the source
carries them; what is then missing is filled with the source's own most central sentences, in the
source's order. A larger model's text passes as it is: it paraphrases, and string evidence would
call that unproved.
"""

from collections import Counter

from ingest.words import STOP, words
from workers.citations import CLOSING, FULL_STOPS, carrier, neighbours, sentence_spans, tokens_of

#: Changes with the rules below: part of the content keys of what they have shaped.
VERSION = 1
SHORTEST, LONGEST = 40, 320  #: characters of a sentence worth quoting
SHORTEST_CJK = 14


def faithful(written: str, source: str, sentences: int) -> str:
    """The carried sentences of `written`, filled up from `source` to `sentences`."""
    places = [(span, tokens_of(source[slice(*span)])) for span in neighbours(source)]
    kept: dict[tuple[int, int], str] = {}
    for start, end in sentence_spans(written):
        text = " ".join(written[start:end].split())
        span = carrier(text, places)
        if span is not None and len(kept) < sentences:
            kept.setdefault(span, text)
    for span in _spread(_central(source), source):
        if len(kept) >= sentences:
            break
        if not any(_overlap(span, other) for other in kept):
            kept[span] = " ".join(source[slice(*span)].split())
    joint = "" if _mostly_cjk(source) else " "
    return joint.join(kept[span] for span in sorted(kept))


def _central(source: str) -> list[tuple[int, int]]:
    """Sentences whose words the rest of the source uses most, best first (after Luhn, 1958)."""
    spans = [span for span in sentence_spans(source) if _quotable(source[slice(*span)])]
    bags = [{word for word in words(source[slice(*span)]) if word not in STOP} for span in spans]
    frequency = Counter(word for bag in bags for word in bag)

    def weight(index: int) -> float:
        return sum(frequency[word] - 1 for word in bags[index]) / (len(bags[index]) + 3)

    return [spans[index] for index in sorted(range(len(spans)), key=weight, reverse=True)]


def _spread(spans: list[tuple[int, int]], source: str) -> list[tuple[int, int]]:
    """The best of every paragraph before the second best of any."""
    seen: Counter[int] = Counter()
    ranked = []
    for span in spans:
        paragraph = source.count("\n\n", 0, span[0])
        ranked.append((seen[paragraph], span))
        seen[paragraph] += 1
    return [span for _, span in sorted(ranked, key=lambda each: each[0])]


def _quotable(sentence: str) -> bool:
    """Whole sentences only: no table rows, titles or page footers."""
    shortest = SHORTEST_CJK if _mostly_cjk(sentence) else SHORTEST
    digits = sum(character.isdigit() for character in sentence)
    return (
        shortest <= len(sentence) <= LONGEST
        and sentence.rstrip(CLOSING).endswith(FULL_STOPS)
        and digits < len(sentence) / 5
        and " | " not in sentence
    )


def _overlap(left: tuple[int, int], right: tuple[int, int]) -> bool:
    return left[0] < right[1] and right[0] < left[1]


def _mostly_cjk(text: str) -> bool:
    wide = sum("\u2e80" <= character <= "\u9fff" for character in text)
    return wide > len(text) / 4
