"""Which models may be loaded here: those whose SHA-256 is on the operator's list.

`LECTERN_MODEL_ALLOW` holds sums, or names a file of them as `sha256sum` writes it. Empty: any.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from workers.models.errors import AllowListUnusable, ModelNotAllowed

SUM = re.compile(r"[0-9a-f]{64}")


def allowed(setting: str) -> frozenset[str] | None:
    """The sums; None: any file may be loaded. Raises AllowListUnusable rather than guess."""
    if not setting.strip():
        return None
    words = re.split(r"[\s,]+", setting.strip().lower())
    if all(SUM.fullmatch(word) for word in words):
        return frozenset(words)
    path = Path(setting.strip()).expanduser()
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise AllowListUnusable(reason=f"{path} is no list of sums, nor a file of them") from error
    return frozenset(_sums(path, text))


def require(setting: str, files: Iterable[tuple[Path, str]]) -> None:
    """Raise ModelNotAllowed for the first of these files and sums that is not on the list."""
    sums = allowed(setting)
    for path, found in files:
        if sums is not None and found not in sums:
            raise ModelNotAllowed(path=path, sum=found)


def _sums(path: Path, text: str) -> Iterable[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words and not SUM.fullmatch(words[0].lower()):
            raise AllowListUnusable(reason=f"line {number} of {path} does not begin with a sum")
        if words:
            yield words[0].lower()
