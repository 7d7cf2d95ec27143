"""Text → the words of the lexical index, the same for documents and questions.

Width, case and Traditional against Simplified characters are folded (NFKC, casefold, OpenCC t2s),
Latin words and numbers stay whole, CJK text becomes overlapping pairs of characters: two
characters are the shortest common Chinese word, and pairs need no dictionary. Only the index sees
folded text; the canonical text is never touched.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from opencc import OpenCC

CJK = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(rf"\d+(?:[.,]\d+)*|[^\W\d_{CJK}]+|[{CJK}]+")

#: Words of questions and grammar that say nothing about a subject.
STOP = frozenset(
    "a about an and any are as at be been by can could did do does for from had has have how "
    "if in into is it its long many me much of on or our should tell than that the their there "
    "these they this those to was we were what when where which who whom whose why will with "
    "would you your".split()
)
#: The same in Chinese, folded; pairs made of them alone are left out of questions.
STOP_CJK = frozenset("的了吗呢是在有和与及或之其为何以多少几么什怎哪谁这那个们可能要会如对于请问")


@cache
def _simplified() -> OpenCC:
    return OpenCC("t2s")


def words(text: str) -> Iterator[str]:
    """The words of `text`, in order, folded."""
    for match in RUN.finditer(fold(text)):
        run = match.group()
        if run[0].isdigit():
            yield run.replace(",", "").replace(".", "p")  # 23,700 → 23700, 4.15 → 4p15
        elif _is_cjk(run[0]):
            yield from _pairs(run)
        else:
            yield run


def question_words(text: str) -> tuple[str, ...]:
    """The words of a question that say what it is about, each once."""
    return tuple(dict.fromkeys(word for word in words(text) if not _says_nothing(word)))


def fold(text: str) -> str:
    """`text` as the index sees characters. Lengths may change."""
    if text.isascii():  # as the rest would leave it, a hundred times as fast
        return text.casefold()
    return str(_simplified().convert(unicodedata.normalize("NFKC", text).casefold()))


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for first, second in pairwise(run):
        yield first + second


def _says_nothing(word: str) -> bool:
    return word in STOP or all(character in STOP_CJK for character in word)


def _is_cjk(character: str) -> bool:
    return re.match(f"[{CJK}]", character) is not None
