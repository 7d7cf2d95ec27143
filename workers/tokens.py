"""Text as tokens that can be compared: folded, so that width, case and spacing never matter."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

Tokens = tuple[str, ...]
FUNCTION_WEIGHT = 0.15
PAIR_WEIGHT = 0.5  #: a word of two characters is in two pairs
FUNCTION_WORDS = frozenset(
    "a an and are as at be been by for from had has have in is it its of on or that the their "
    "there these this those to was were which will with would not no 的 了 在 是 和 與 及 或 之 於 "
    "由 其 並 也 為 有 以 等 對".split()
)
WORD = re.compile(
    r"\d+(?:[.,/]\d+)*%?|[^\W\d_\u2e80-\u9fff\uf900-\ufaff]+|[\u2e80-\u9fff\uf900-\ufaff]+"
)
CJK_RUN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")


def tokens_of(text: str) -> Tokens:
    """Normalised words and numbers, and pairs of neighbouring CJK characters, in order."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    tokens: list[str] = []
    for match in WORD.finditer(folded):
        run = match.group().rstrip(".,/")
        pairs = [first + second for first, second in pairwise(run)] if CJK_RUN.match(run) else []
        tokens += pairs or [run]
    return tuple(tokens)


def is_figure(token: str) -> bool:
    """Whether it is a number."""
    return token[0].isdigit()


def weight_of(tokens: Iterable[str]) -> float:
    """What the tokens tell together; function words hardly anything."""
    return sum(map(_weight, tokens))


def _weight(token: str) -> float:
    if token in FUNCTION_WORDS or all(character in FUNCTION_WORDS for character in token):
        return FUNCTION_WEIGHT
    return PAIR_WEIGHT if CJK_RUN.match(token) else 1.0
