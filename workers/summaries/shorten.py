"""Cutting a text to the length that was asked for."""

from workers.summaries.central import central, without
from workers.summaries.lengths import AIM, off


def shortened(text: str, length: int) -> str:
    """The text without its least central sentences, until it is no longer than wanted.

    The first one stays: the others refer to it. A single sentence is never cut.
    """
    spans = central(text)
    while len(spans) > 1 and off(text, length) > AIM:
        weakest = next((span for span in reversed(spans) if span[0] > 0), spans[-1])
        text = without(text, weakest)
        spans = central(text)
    return text.strip()
