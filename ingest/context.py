"""What a chunk is indexed as: its own words, after those that say where it stands.

A table cut in two has its title in the first half only. So a chunk is indexed with the title
above it and, where a page is a sheet of its own and not a stretch of flowing text, with the words
that its page opens with: there stands whose figures these are. Only the indexes see this text;
what is shown and cited is the chunk.
"""

from ingest.sniff import PDF
from ingest.split import SEPARATOR

OPENING = 120  #: characters of a page's first words
TITLE = 60  #: and of the nearest title, on a page that has an opening
SHEETS = frozenset({PDF})  #: types whose pages their author made


def indexed_text(page_text: str, span: tuple[int, int], heading: str, media_type: str) -> str:
    """The text to index for the chunk at `span` of a page."""
    start, end = span
    text = page_text[start:end]
    if media_type not in SHEETS:
        return f"{heading}\n{text}".strip()
    title = heading.rpartition(SEPARATOR)[2][:TITLE]
    opening = _opening(page_text) if page_text[:start].strip() else ""
    return "\n".join(part for part in (title, opening, text) if part)


def _opening(page_text: str) -> str:
    words = " ".join(page_text[: 4 * OPENING].split())
    if len(words) <= OPENING:
        return words
    return words[:OPENING].rpartition(" ")[0] or words[:OPENING]
