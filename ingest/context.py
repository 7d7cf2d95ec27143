"""What a chunk is indexed as: its own words, after those that say where it stands.

A table cut in two has its title and its header row in the first half only. So a chunk is indexed
with the title and the row above it and, where a page is a sheet of its own and not a stretch of
flowing text, with the words that its page opens with: there stands whose figures these are. Only
the indexes see this text; what is shown and cited is the chunk.
"""

from typing import Protocol

from ingest.sniff import PDF
from ingest.split import SEPARATOR

OPENING = 120  #: characters of a page's first words
TITLE = 60  #: and of the nearest title, on a page that has an opening
SHEETS = frozenset({PDF})  #: types whose pages their author made


class Standing(Protocol):
    """A part of a page, with what stands above it."""

    @property
    def char_start(self) -> int: ...

    @property
    def char_end(self) -> int: ...

    @property
    def heading(self) -> str: ...

    @property
    def context(self) -> str: ...


def indexed_text(chunk: Standing, page_text: str, media_type: str) -> str:
    """The text to index for a chunk of a page."""
    title, opening = chunk.heading, ""
    if media_type in SHEETS:
        title = title.rpartition(SEPARATOR)[2][:TITLE]
        opening = _opening(page_text) if page_text[: chunk.char_start].strip() else ""
    text = page_text[chunk.char_start : chunk.char_end]
    return "\n".join(part for part in (title, opening, chunk.context, text) if part)


def _opening(page_text: str) -> str:
    words = " ".join(page_text[: 4 * OPENING].split())
    if len(words) <= OPENING:
        return words
    return words[:OPENING].rpartition(" ")[0] or words[:OPENING]
