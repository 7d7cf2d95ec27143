"""Whether a question can be searched for alone, or means nothing without the one before it.

“And in 2024?” and “Who approved it?” need what was asked before; a question that names its own
subject is found better without: the words of the other would be looked up as well.
"""

import re

from ingest.words import question_words
from workers.tokens import CJK_RUN

#: A question with fewer words of its own has no subject.
FEW = 3
#: In pairs of characters, which a question of ten characters has about five of.
FEW_PAIRS = 5
LEANING = re.compile(
    r"^\W*(?:and|but|or|so|then|also|why|what about|how about)\b"
    r"|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|that|those|these|this|there|then"
    r"|same|former|latter|ones?|other|others|else)\b"
    r"|[它他她牠這那此其]|呢|同樣|還有|另外|上述|前者|後者|也是",
    re.IGNORECASE,
)


def leans(question: str) -> bool:
    """Whether the question before it has to be searched for as well."""
    few = FEW_PAIRS if CJK_RUN.search(question) else FEW
    return LEANING.search(question) is not None or len(question_words(question)) < few
