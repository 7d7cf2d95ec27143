"""Sources that disagree: who says the same of the same thing, but with other figures.

Two places dispute each other when each holds nearly all words of the other and neither all of its
figures. Other years are another matter, not another opinion.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from workers.tokens import Tokens, is_figure, weight_of

#: Share of the weight of each, figures left out, that the other must hold.
SAME = 0.8
#: Without so much weight (about three content words) two places need not speak of one thing.
SUBSTANCE = 2.5
YEAR = re.compile(r"(?:19|20)\d\d")


def dispute(one: Tokens, other: Tokens) -> bool:
    """Whether the two say the same of the same thing, with other figures."""
    figures, others = _figures(one), _figures(other)
    if not figures - others or not others - figures or _years(one) != _years(other):
        return False
    words, more = _words(one), _words(other)
    total, total_more = weight_of(words), weight_of(more)
    if min(total, total_more) < SUBSTANCE:
        return False
    common = weight_of((Counter(words) & Counter(more)).elements())
    return common >= SAME * max(total, total_more)


def _figures(tokens: Tokens) -> set[str]:
    return {token for token in tokens if is_figure(token) and not YEAR.fullmatch(token)}


def _years(tokens: Tokens) -> set[str]:
    return {token for token in tokens if YEAR.fullmatch(token)}


def _words(tokens: Iterable[str]) -> Sequence[str]:
    return [token for token in tokens if not is_figure(token)]
