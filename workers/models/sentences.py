"""What a text says, as digests of its sentences: whether another one repeats it can be told.

A model is never judged by the text that its importance matrix was computed from: it has been
rounded to please that text.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator

END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n{2,}")
SPACE = re.compile(r"\s+")
#: Shorter ones are headings, numbers and what many texts say alike.
SHORTEST = 20


def digests(text: str) -> frozenset[int]:
    """Of every sentence; white space does not count, since pages break lines where they like.

    31 bits each, for GGUF's lists of numbers. Where ten thousand sentences are known, one in
    200,000 others is taken for one of them.
    """
    flat = (SPACE.sub("", piece) for piece in _pieces(text))
    return frozenset(_digest(one) for one in flat if len(one) >= SHORTEST)


def unseen(text: str, seen: Iterable[int]) -> str:
    """The text without the sentences that were seen elsewhere."""
    known = frozenset(seen)
    return "".join(one for one in _pieces(text) if _digest(SPACE.sub("", one)) not in known)


def _pieces(text: str) -> Iterator[str]:
    """Sentences with the white space behind them."""
    begin = 0
    for end in [*(match.end() for match in END.finditer(text)), len(text)]:
        if begin < end:
            yield text[begin:end]
        begin = end


def _digest(flat: str) -> int:
    raw = hashlib.blake2b(flat.encode(errors="replace"), digest_size=4).digest()
    return int.from_bytes(raw) >> 1
