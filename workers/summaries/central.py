"""Which sentences of a text the rest of it speaks of most."""

from collections import Counter

from ingest.words import STOP, words
from workers.citations import CLOSING, FULL_STOPS, sentence_spans
from workers.language import CJK

SHORTEST, LONGEST = 40, 320  #: characters of a sentence worth quoting
SHORTEST_CJK = 14
CJK_SHARE = 0.25
FOCUS = 4.0  #: how many times as much a word counts that the reader has asked about

Span = tuple[int, int]


def central(source: str, focus: str = "") -> list[Span]:
    """Its sentences, those first whose words the rest uses most (after Luhn, 1958).

    The best of every paragraph comes before the second best of any. Words of `focus` count more.
    """
    return _ranked(source, list(sentence_spans(source)), focus)


def quotable(source: str, focus: str = "") -> list[Span]:
    """The same without table rows, titles, page footers and fragments."""
    spans = [span for span in sentence_spans(source) if _quotable(source[slice(*span)])]
    return _ranked(source, spans, focus)


def without(text: str, span: Span) -> str:
    """The text without one of its sentences and the white space behind it."""
    rest = text[span[1] :]
    return text[: span[0]] + rest.lstrip(" \t\n" if text[: span[0]].endswith("\n") else " \t")


def mostly_cjk(text: str) -> bool:
    """Whether the text is Chinese: written without spaces."""
    return len(CJK.findall(text)) > CJK_SHARE * len(text)


def _ranked(source: str, spans: list[Span], focus: str) -> list[Span]:
    bags = [{word for word in words(source[slice(*span)]) if word not in STOP} for span in spans]
    frequency = Counter(word for bag in bags for word in bag)
    asked = {word for word in words(focus) if word not in STOP}

    def weight(index: int) -> float:
        shared = sum(frequency[word] - 1 for word in bags[index])
        wanted = FOCUS * len(bags) * len(bags[index] & asked)
        return (shared + wanted) / (len(bags[index]) + 3)

    best = sorted(range(len(spans)), key=weight, reverse=True)
    return _spread([spans[index] for index in best], source)


def _spread(spans: list[Span], source: str) -> list[Span]:
    seen: Counter[int] = Counter()
    ranked = []
    for span in spans:
        paragraph = source.count("\n\n", 0, span[0])
        ranked.append((seen[paragraph], span))
        seen[paragraph] += 1
    return [span for _, span in sorted(ranked, key=lambda each: each[0])]


def _quotable(sentence: str) -> bool:
    shortest = SHORTEST_CJK if mostly_cjk(sentence) else SHORTEST
    digits = sum(character.isdigit() for character in sentence)
    return (
        shortest <= len(sentence) <= LONGEST
        and sentence.rstrip(CLOSING).endswith(FULL_STOPS)
        and digits < len(sentence) / 5
        and " | " not in sentence
    )
