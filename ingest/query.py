"""What a question is about, found without a model.

Long questions tell how to answer (“round to two decimals”, “as if you were an analyst”), and each
such word is rare in a report, so it would weigh most. What tells how to answer is dropped, and a
question about accounts gets the words that accounts are printed in beside its own.
"""

import re
from dataclasses import dataclass

from ingest.accounting import printed
from ingest.words import question_words

#: Words that ask for an answer or shape it, and say nothing about a subject.
SHAPING = frozenset(
    "accordance according act agreement amount analyst answer answering answers assume base based "
    "basing calculate calculated calculating calculation clearly companies company compute "
    "computing conclusions consider considering cy data decimal decimals define defined definition "
    "detail detailed details determine document drawing end ended ending explain extract fiscal "
    "follow following fy give given gives giving help here imagine information judgement "
    "judgements judgment judgments listed look looking mainly measure measures mention mentioned "
    "metric metrics need needs outlined percent percentage percents place places please pretend "
    "primarily provide provided provides providing question questions refer reference referring "
    "relevant rely relying report respectively respond response round rounded say says show "
    "showing shown shows specific state stated statement statements states still suppose unit "
    "units usd use used useful using value want wants year years".split()
)
_FISCAL = re.compile(r"\b(?:FY|CY)\s?'?(\d{4}|\d{2})(?!\d)", re.IGNORECASE)
_QUARTER = re.compile(r"\b([QH][1-4])\s?'?(?:of )?(?:FY)?\s?(20\d{2})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """A question, understood as far as words go."""

    text: str  #: as it was asked
    cue: str  #: what the pages that answer it would say; "" where only the question tells
    words: tuple[str, ...]  #: of the question, to look up, each once

    @property
    def all_words(self) -> tuple[str, ...]:
        """Those that the pages would say too: many, and common ones."""
        return tuple(dict.fromkeys([*self.words, *question_words(self.cue)]))


def understand(question: str) -> Query:
    """What to look for."""
    cue = printed(question)
    spelled = spelled_out(question)
    own = [word for word in question_words(spelled) if not _shapes(word)]
    return Query(question, cue, tuple(own) or question_words(spelled))


def spelled_out(question: str) -> str:
    """`question` with its years and quarters written as documents write them."""
    apart = _QUARTER.sub(r"\1 \2", question)
    return _FISCAL.sub(lambda found: f"FY {_year(found[1])}", apart)


def _year(digits: str) -> str:
    return digits if len(digits) == 4 else f"20{digits}"


def _shapes(word: str) -> bool:
    return word in SHAPING or (word.isdigit() and len(word) == 1)
