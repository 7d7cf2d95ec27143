"""Texts that have to share one prompt, cut where together they are too long for it.

Summaries are short by what was asked for, not by nature: one sentence that fills a page is quoted
whole. What is cut off here stays in the summary that it is cut off from, one level below.
"""

from collections.abc import Callable, Sequence

from workers.sentences import sentence_spans

BETWEEN = 2  #: tokens that stand between two texts
Count = Callable[[str], int]


def fitted(texts: Sequence[str], room: int, count: Count) -> list[str]:
    """The texts, in at most `room` tokens by `count`: the longest give way, to equal shares."""
    sizes = [count(text) + BETWEEN for text in texts]
    share = _share(sizes, room)
    return [
        text if size <= share else _beginning(text, share - BETWEEN, count)
        for text, size in zip(texts, sizes, strict=True)
    ]


def _share(sizes: Sequence[int], room: int) -> int:
    """The most that each may have, so that all of them have room; short ones leave some over."""
    left, share = room, 0
    ordered = sorted(sizes)
    for place, size in enumerate(ordered):
        share = max(1, left // (len(ordered) - place))
        if size > share:
            return share
        left -= size
    return max(ordered, default=share)


def _beginning(text: str, room: int, count: Count) -> str:
    """The sentences that fit, or of the first one the words that do."""
    end = 0
    for _, stop in sentence_spans(text):
        if count(text[:stop]) > room:
            break
        end = stop
    return text[:end] if end else _words(text, room, count)


def _words(text: str, room: int, count: Count) -> str:
    """As many characters as fit, up to a blank where there is one near."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= room else (low, middle - 1)
    head = text[:low].rpartition(" ")[0]
    return head if len(head) > low / 2 else text[:low]
