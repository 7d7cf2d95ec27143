"""Names and years that a question speaks of and its evidence does not know.

A question about one company, asked of another's report, finds pages that say what was asked, of
the wrong one. Words and vectors are as near as can be; only the name is missing. So it is with the
accounts of a year, asked of another year's report.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from ingest.accounting import without_terms
from ingest.query import SHAPING, spelled_out, understand
from ingest.words import STOP

LONGEST_ABBREVIATION = 6
KNOWN = 0.5  #: share of a name's words that must be there
GENERIC = frozenset(
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday english chinese "
    "usd eur gbp ntd twd us uk eu un gaap ifrs vat ceo cfo coo cto hr it pdf ok tv "
    "cagr roa roe q1 q2 q3 q4 h1 h2".split()
)
_TOKEN = re.compile(r"[^\W_][\w&’'.-]*|[.?!:]")
_SENTENCE_END = frozenset(".?!:")
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?![\d%]|[.,]\d)")
_REPUBLIC = re.compile(r"民[國国]\s*(\d{2,3})(?!\d)|(?<!\d)(1[0-2]\d)\s*年")
_LETTERS = re.compile(r"[^\W_]+")


def only_strangers(question: str, evidence: Iterable[str], documents: Iterable[str]) -> bool:
    """Whether the question names somebody or something, and nobody whom it names is known.

    `evidence` are texts that may know a name, `documents` names of files.
    """
    names = list(names_of(question))
    if not names:
        return False
    told = " ".join(evidence)
    titles = [_joined(title) for title in documents]
    return not any(_is_known(name, told, titles) for name in names)


def other_years(question: str, evidence: Iterable[str]) -> bool:
    """Whether it asks for accounts of years of which the evidence, which names some, names none.

    Whatever is no figure of a year's accounts, a rule above all, may well hold in others.
    """
    asked, known = _years(question), _years(" ".join(evidence))
    return bool(understand(question).cue and asked and known) and asked.isdisjoint(known)


def _years(text: str) -> frozenset[str]:
    """The years it names, by the common era; Taiwan counts from 1912."""
    folded = unicodedata.normalize("NFKC", text)
    counted = (int(after or alone) for after, alone in _REPUBLIC.findall(folded))
    return frozenset(_YEAR.findall(spelled_out(folded))) | {str(1911 + year) for year in counted}


def names_of(question: str) -> Iterator[tuple[str, ...]]:
    """Runs of capitalised words, without those that begin a sentence or name nobody."""
    run: list[str] = []
    begins = True
    for token in _TOKEN.findall(spelled_out(without_terms(question))):
        if token in _SENTENCE_END:
            yield from _name(run)
            run, begins = [], True
            continue
        word = token.rstrip(".'’-").removesuffix("'s").removesuffix("’s")
        if _is_capital(word, begins):
            run.append(word)
        else:
            yield from _name(run)
            run = []
        begins = False
        if token.endswith(("'s", "’s")):
            yield from _name(run)
            run = []
    yield from _name(run)


def _name(run: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if run:
        yield tuple(run)


def _is_capital(word: str, begins: bool) -> bool:
    """A first word has its capital from the sentence, unless it has more than one."""
    folded = word.casefold()
    if not word[:1].isupper() or folded in STOP | SHAPING | GENERIC or len(word) < 2:
        return False
    return not begins or sum(letter.isupper() for letter in word) > 1


def _is_known(name: Sequence[str], told: str, titles: Iterable[str]) -> bool:
    whole = _joined(" ".join(name))
    if any(whole in title for title in titles):
        return True
    held = sum(_stands(re.escape(word), told) for word in name)
    return held >= KNOWN * len(name) or (len(name) == 1 and _abbreviates(name[0], told))


def _stands(pattern: str, told: str) -> bool:
    """As it is written, or in capitals throughout, as on many covers."""
    return re.search(rf"\b(?:{pattern}|{pattern.upper()})", told) is not None


def _abbreviates(name: str, told: str) -> bool:
    """Whether its capitals are how neighbouring words begin: AMD, Advanced Micro Devices."""
    capitals = [letter for letter in name if letter.isupper()]
    if not 2 <= len(capitals) <= LONGEST_ABBREVIATION:
        return False
    between = r"[\w’'.-]*,?(?:\s+(?:&|and|of|the|for))*\s+"
    return re.search(rf"\b{between.join(capitals)}", told) is not None


def _joined(text: str) -> str:
    return "".join(_LETTERS.findall(text)).casefold()
