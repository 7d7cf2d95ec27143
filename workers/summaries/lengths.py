"""How long a text is for a reader, and bringing it to the length that was asked for.

Length counts words, and in Chinese, which has no spaces, characters with their punctuation, as
word processors do.
"""

import re

from workers.language import CJK
from workers.styles import Style, Tongue

#: A summary has its length when it is no more than this share off.
TOLERANCE = 0.2
#: What fills or cuts a text aims at this share around its length, to stay inside the tolerance.
AIM = 0.1
WORD = re.compile(r"[^\W_]+(?:[.,'’:/-][^\W_]+)*")

USUAL: dict[Style, int] = {
    Style.BRIEF: 50,
    Style.STANDARD: 120,
    Style.DETAILED: 350,
    Style.EXECUTIVE: 160,
    Style.BULLETS: 120,
    Style.MINUTES: 120,
    Style.CUSTOM: 120,
}
CHARACTERS_PER_WORD = 1.7  #: a Chinese text and its English translation, about


def usual(style: Style, tongue: Tongue) -> int:
    """The length of a summary when none was asked for."""
    return in_tongue(USUAL[style], tongue)


def in_tongue(words: int, tongue: Tongue) -> int:
    """So many English words, in the unit of the language."""
    return round(words * CHARACTERS_PER_WORD) if tongue is Tongue.CHINESE else words


def length_of(text: str) -> int:
    """Words of the text, a Chinese character counting as one."""
    return len(CJK.findall(text)) + len(WORD.findall(CJK.sub(" ", text)))


def off(text: str, length: int) -> float:
    """How far the text is from its length, as a share: negative when it is too short."""
    return length_of(text) / length - 1.0
