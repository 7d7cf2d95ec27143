"""Speech as it was taken down, made readable: without fillers and marks of noise, and with the name
of who said it.

Only what is quoted for a summary; the words at the cited place stay as they were said.
"""

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from workers.language import CJK

FILLERS = frozenset("uh uhm um erm eh ah oh hm hmm mm mmm mhm yeah yep okay ok".split())
#: Words of talk that say nothing about its subject, besides `ingest.words.STOP`.
SMALL_TALK = FILLERS | frozenset(
    "actually all also basically because but did didn doesn don else even get getting go goes "
    "going gonna good got he here him his just kind know let like ll lot maybe mean more my no not "
    "now one only out people probably put re really right said say see she so some something sort "
    "still stuff sure take than then there thing things think though too up us use ve very want "
    "way well were yes you re".split()
)
_NOISE = re.compile(
    r"\{[a-z ]{2,20}\}|\[(?:inaudible|laughter|laughs|pause|noise)\]", re.IGNORECASE
)
_FILLER = re.compile(
    r"(?:(?<=^)|(?<=[\s(]))(?:uh|uhm|um|erm|eh|hm+|mm+|mhm)(?:\s*,)?(?=[\s,.?!]|$)\s*"
    r"|[嗯呃][，、]?",
    re.IGNORECASE,
)
_SPACE_BEFORE = re.compile(r"\s+([.,;:?!'’])")
_STOPS = re.compile(r"([.,])(?:\s*[.,])+")
_LABEL = re.compile(r"^\s*([^\s:：.!?]{1,20}(?: [^\s:：.!?]{1,20}){0,3})\s*[:：]\s*", re.MULTILINE)
SPEAKERS_SHARE = 0.5  #: of the paragraphs, those that begin with one
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
LONG_WINDED = 20  #: words of a spoken sentence; more are mostly several


@dataclass(frozen=True, slots=True)
class Speech:
    """Who says what in a transcript; in other texts nobody says anything."""

    source: str
    names: frozenset[str]
    turns: tuple[tuple[int, str], ...]  #: where each begins, and whose it is

    @classmethod
    def of(cls, source: str) -> "Speech":
        """The turns of a text."""
        names = speakers(source)
        found = _LABEL.finditer(source) if names else ()
        turns = tuple((match.start(1), match[1]) for match in found if match[1] in names)
        return cls(source, names, turns)

    def speaker(self, place: int) -> str:
        """Whose words stand there; nobody's before the first turn."""
        turn = bisect_right(self.turns, place, key=lambda one: one[0]) - 1
        return self.turns[turn][1] if turn >= 0 else ""

    def quoted(self, start: int, end: int) -> str:
        """The sentence that stands there, readable, under its speaker's name."""
        said = readable(self.source[start:end], self.names)
        return _labelled(self.speaker(start), said) if said else ""

    def tidied(self, sentence: str) -> str:
        """A sentence that somebody else wrote, readable, under the name that it gives."""
        match = _LABEL.match(sentence)
        name = match[1] if match and match[1] in self.names else ""
        return _labelled(name, readable(sentence, self.names))


def _labelled(name: str, said: str) -> str:
    """Words with the name of who said them."""
    colon = "：" if CJK.search(name) else ": "
    return f"{name}{colon}{said}" if name else said


def rambling(sentence: str) -> float:
    """How hard a spoken sentence is to read, from 0: it goes on and on, and begins over again."""
    said: list[str] = [word.casefold() for word in _WORD.findall(sentence)]
    pairs = list(pairwise(said))
    again = sum(first == second for first, second in pairs) + len(pairs) - len(set(pairs))
    return max(0.0, len(said) / LONG_WINDED - 1) + 0.4 * min(2, again)


def speakers(source: str) -> frozenset[str]:
    """The names that paragraphs of a transcript begin with; of other texts none."""
    paragraphs = [one for one in source.split("\n") if one.strip()]
    names = Counter(match[1] for one in paragraphs if (match := _LABEL.match(one)))
    many = names.total() >= max(3, SPEAKERS_SHARE * len(paragraphs))
    return frozenset(names) if many and names.total() > len(names) else frozenset()


def readable(sentence: str, names: frozenset[str]) -> str:
    """A sentence as it would be written down: of a transcript if there are speakers' names."""
    if not names:
        return " ".join(sentence.split())
    match = _LABEL.match(sentence)
    said = sentence[match.end() :] if match and match[1] in names else sentence
    said = _FILLER.sub("", _NOISE.sub(" ", said))
    said = _STOPS.sub(r"\1", _SPACE_BEFORE.sub(r"\1", " ".join(said.split())))
    said = said.strip(" ,")
    return said[:1].upper() + said[1:]
