"""Whether a quote holds what is claimed of it, and a reply what was asked for.

Strictly, by words and figures, and by none of the code that made the citation.
"""

import re
import unicodedata

from ingest.words import question_words, words

HELD = 0.7  #: share of a claim's telling words that its quote must have
NEAR = 0.01  #: figures are rounded otherwise in a reference
LONG = 60  #: characters of a reference that no reply repeats word for word
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


def holds(quote: str, claim: str) -> bool:
    """Every figure of the claim stands in the quote, and most of its telling words do."""
    if not set(figures(claim)) <= set(figures(quote)):
        return False
    telling, there = set(question_words(claim)), set(words(quote))
    return len(telling & there) >= HELD * len(telling)


def matches(reference: str, reply: str) -> bool | None:
    """Whether the reply holds a short reference; None where that can't be told by looking."""
    wanted = figures(reference)
    if wanted and len(reference) <= LONG:
        return any(_near(wanted[0], one) for one in figures(reply))
    folded = _letters(reference)
    if not folded or len(reference) > LONG:
        return None
    return folded in _letters(reply)


def figures(text: str) -> list[float]:
    """Its numbers, by value."""
    folded = unicodedata.normalize("NFKC", text)
    return [
        float(one) for found in FIGURE.findall(folded) if _number(one := found.replace(",", ""))
    ]


def _number(text: str) -> bool:
    return text.count(".") <= 1


def _near(wanted: float, found: float) -> bool:
    return abs(wanted - found) <= NEAR * abs(wanted)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
