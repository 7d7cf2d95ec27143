"""Which encoding a text is in: byte order mark, UTF-8, cp950, gb18030, in that order.

cp950 and not `big5`, whose codec lacks characters that Taiwanese systems write every day. Two-byte
encodings accept a good deal of each other's bytes, and of western ones, so a strict decode is
only believed when it yields mostly common characters. Knows nothing of files.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = ("utf-8", "cp950", "gb18030")
#: First and last lead byte, lowest trail byte of the plane of common characters (Big5 level 1
#: ends at C6, GB 2312 level 1 at D7; both planes begin with punctuation).
_COMMON = {"cp950": (0xA1, 0xC6, 0x40), "gb18030": (0xA1, 0xD7, 0xA1)}
_SAMPLE = 8_192


def strict(
    chunks: Callable[[], Iterable[bytes]],
    names: Iterable[str] = ENCODINGS,
    whole: bool = True,
) -> Iterator[str]:
    """Encodings that decode all chunks without an error. `whole`: nothing is cut off at the end.

    A byte order mark leaves no choice. `chunks` is called once for every encoding that is tried.
    """
    head = next(iter(chunks()), b"")
    marked = next((name for bom, name in BOMS if head.startswith(bom)), None)
    for name in (marked,) if marked else names:
        if _decodes(chunks(), name, whole):
            yield name


def likely(head: bytes, encoding: str) -> bool:
    """Whether the text looks as if it were written in an encoding that decodes it strictly."""
    if encoding not in _COMMON:
        return True
    first, last, trail = _COMMON[encoding]
    decoded = codecs.getincrementaldecoder(encoding)("replace").decode(head[:_SAMPLE])
    encoded = [char.encode(encoding) for char in decoded if "\x7f" < char != "\ufffd"]
    common = sum(len(code) == 2 and first <= code[0] <= last and code[1] >= trail
                 for code in encoded)  # fmt: skip
    return 2 * common >= len(encoded)


def _decodes(chunks: Iterable[bytes], encoding: str, whole: bool) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for chunk in chunks:
            decoder.decode(chunk)
        decoder.decode(b"", final=whole)
    except UnicodeDecodeError:
        return False
    return True
