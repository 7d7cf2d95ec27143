"""What differs between two statements that speak of the same: the words, on both sides.

By the words that stand in the same order on both sides; what lies between them has changed. Light
words don't count, so two statements without a change say the same. Of statements that were found by
their meaning only figures, names and negations are told: their other words differ anyway.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from workers.comparing.statements import Statement
from workers.comparing.words import Sort, Word

#: How much a reader cares, by what has changed.
CARE = {
    Sort.FIGURE: 3.0,
    Sort.NEGATION: 3.0,
    Sort.DUTY: 3.0,
    Sort.NAME: 2.0,
    Sort.WORD: 1.0,
    Sort.CURRENCY: 1.0,
    Sort.LIGHT: 0.0,
}
#: A year that went on, as in every yearly report, and nothing but the wording.
YEARS, REWORDED = 1.5, 0.5
FACTS = (Sort.FIGURE, Sort.NAME, Sort.NEGATION)
_YEAR = re.compile(r"(?:19|20)\d\d")
#: Unchanged CJK characters between two changes that are told as one: 三十日 → 六十個工作日.
WITHIN = 1


@dataclass(frozen=True, slots=True)
class Change:
    """Words of one side and what the other has instead; empty where it has nothing."""

    before: str
    after: str
    sorts: frozenset[Sort]
    care: float  #: how much a reader cares
    words: int  #: of both sides

    def public(self) -> list[str]:
        """As the REST interface shows it: from, to."""
        return [self.before, self.after]


def changes(left: Statement, right: Statement) -> list[Change]:
    """What has changed from one statement to the other, in order; empty if they say the same."""
    if left.key == right.key:
        return []
    mine, theirs = _weighty(left.words), _weighty(right.words)
    matcher = SequenceMatcher(
        None, [word.form for word in mine], [word.form for word in theirs], autojunk=False
    )
    found = []
    for begin, end, other_begin, other_end in _spans(matcher.get_opcodes(), mine):
        before, after = mine[begin:end], theirs[other_begin:other_end]
        if change := _change(left.text, before, right.text, after):
            found.append(change)
    return found


def facts_changed(left: Statement, right: Statement) -> list[Change]:
    """The figures, names and negations that only one of the two has, by sort."""
    found = []
    for sort in FACTS:
        mine = [word for word in left.words if word.sort is sort]
        theirs = [word for word in right.words if word.sort is sort]
        before = " ".join(_only(left.text, mine, theirs))
        after = " ".join(_only(right.text, theirs, mine))
        if before or after:
            found.append(Change(before, after, frozenset({sort}), CARE[sort], 0))
    return found


def _weighty(words: Sequence[Word]) -> list[Word]:
    return [word for word in words if word.sort is not Sort.LIGHT]


def _spans(
    opcodes: Sequence[tuple[str, int, int, int, int]], mine: Sequence[Word]
) -> Iterator[tuple[int, int, int, int]]:
    """(begin, end) on both sides of what has changed; what is hardly apart is one change."""
    held: tuple[int, int, int, int] | None = None
    for tag, begin, end, other_begin, other_end in opcodes:
        if tag == "equal":
            close = end - begin <= WITHIN and all(word.cjk for word in mine[begin:end])
            if held and not close:
                yield held
                held = None
        elif held:
            held = held[0], end, held[2], other_end
        else:
            held = begin, end, other_begin, other_end
    if held:
        yield held


def _change(
    text: str, before: Sequence[Word], other_text: str, after: Sequence[Word]
) -> Change | None:
    """The change, unless one side only shows a currency that the other leaves out."""
    signs = {word.sort for word in (*before, *after)} == {Sort.CURRENCY}
    if signs and not (before and after):
        return None
    differing = list(_differing(before, after))
    return Change(
        before=_written(text, before),
        after=_written(other_text, after),
        sorts=frozenset(word.sort for word in differing),
        care=max(map(_care, differing)),
        words=len(before) + len(after),
    )


def _care(word: Word) -> float:
    year = word.sort is Sort.FIGURE and _YEAR.fullmatch(word.form) is not None
    return YEARS if year else CARE[word.sort]


def _differing(before: Sequence[Word], after: Sequence[Word]) -> Iterator[Word]:
    """The words that only one of the two holds; all, if they hold the same in another order."""
    counts = Counter(word.form for word in before), Counter(word.form for word in after)
    only = (counts[0] - counts[1]) + (counts[1] - counts[0])
    for word in (*before, *after):
        if not only or word.form in only:
            yield word


def _written(text: str, words: Sequence[Word]) -> str:
    return " ".join(text[words[0].start : words[-1].end].split()) if words else ""


def _only(text: str, words: Sequence[Word], others: Sequence[Word]) -> list[str]:
    known = {word.form for word in others}
    return [text[word.start : word.end] for word in words if word.form not in known]
