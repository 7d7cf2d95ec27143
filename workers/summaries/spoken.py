"""Speech as it was taken down, made readable: without fillers, marks of noise and speakers' names.

Only what is quoted for a summary; the words at the cited place stay as they were said.
"""

import re
from collections import Counter

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
