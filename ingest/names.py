"""Names that people give to files and collections, made safe to show and to send.

A name is for display. No path is ever made from one.
"""

import re
import unicodedata

FILE_NAME_CHARACTERS = 255
UNNAMED = "unnamed"
#: Signs that have no shape of their own but turn, hide or split what stands around them.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REMOVED = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_FOLDERS = re.compile(r"[/\\]")


def file_name(given: str) -> str:
    """What a file is called in lists: its last path part, one line, at most 255 characters."""
    parts = [one_line(part) for part in _FOLDERS.split(given)]
    name = next((part for part in reversed(parts) if part.strip(". ")), UNNAMED)
    return _shortened(name)


def one_line(given: str) -> str:
    """`given` in NFC without control characters and direction overrides, spaces collapsed."""
    kept = (" " if sign in "\t\r\n" else sign for sign in given if _shows(sign))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _shows(sign: str) -> bool:
    if sign in "\t\r\n":
        return True
    return sign not in _BIDI and unicodedata.category(sign) not in _REMOVED


def _shortened(name: str) -> str:
    if len(name) <= FILE_NAME_CHARACTERS:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 20:
        return name[:FILE_NAME_CHARACTERS].rstrip()
    return stem[: FILE_NAME_CHARACTERS - len(suffix) - 1] + dot + suffix
