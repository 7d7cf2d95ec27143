"""What tells one embedder from another. Loads no library.

Vectors may be compared if the same model made them, cut its texts at the same length, put the same
words before them and brought them to the same length. The name of its folder is no part of that: a
folder may be moved, and another model may come to lie in it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

#: Weights, and all that says what is done with them; not what is written for people, nor the same
#: weights in forms for other libraries, which lie in folders that no module has.
TELLING = frozenset({".json", ".txt", ".model", ".safetensors", ".bin"})
#: Every embedder here gives vectors of unit length.
NORMALISED = "unit"


def fingerprint(
    folder: Path, dimensions: int, longest: int, prefixes: Mapping[str, str | None]
) -> str:
    """Of the model in `folder`, whose vectors have so many dimensions, of texts of so many tokens.

    `prefixes` are the words that it wants before questions and before documents.
    """
    wanted = {name: words for name, words in prefixes.items() if words}
    told = json.dumps(wanted, sort_keys=True).encode()
    prefix = hashlib.sha256(told).hexdigest()[:8] if wanted else "plain"
    return f"{content(folder)}:{dimensions}:{longest}:{NORMALISED}:{prefix}"


def content(folder: Path) -> str:
    """Hash of the files that make the model: a tenth of a second for a hundred megabytes."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder)}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def of_content(folder: Path, known: str) -> bool:
    """Whether the model in `folder` can be the one of the fingerprint; it is not loaded."""
    return content(folder) == known.partition(":")[0]


def _files(folder: Path) -> Iterator[Path]:
    """Those of the folder and of the modules that its list names, in order."""
    places = {folder, *(folder / name for name in _modules(folder))}
    found = {path for place in places if place.is_dir() for path in place.iterdir()}
    yield from sorted(path for path in found if path.is_file() and path.suffix in TELLING)


def _modules(folder: Path) -> list[str]:
    listed = folder / "modules.json"
    if not listed.is_file():
        return []
    return [str(module["path"]) for module in json.loads(listed.read_text()) if module["path"]]
