"""Traditional Chinese stays Traditional, whatever characters a model prefers."""

from functools import cache

from opencc import OpenCC

from workers.citations import sentence_spans


def traditional(text: str) -> str:
    """`text` with the sentences that are written in Simplified characters converted.

    A sentence that has any Traditional one is left as it is: its other characters are the same in
    both, and converting them once more would spoil some (里 is a mile, too).
    """
    pieces, end = [], 0
    for start, stop in sentence_spans(text):
        sentence = text[start:stop]
        simplified = _converter("t2s").convert(sentence) == sentence
        pieces += [
            text[end:start],
            _converter("s2tw").convert(sentence) if simplified else sentence,
        ]
        end = stop
    return "".join(pieces) + text[end:]


@cache
def _converter(name: str) -> OpenCC:
    return OpenCC(name)
