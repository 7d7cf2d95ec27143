"""The files of a model: one, or the parts of a split one, which llama.cpp finds by their names.

`NAME-00001-of-00003.gguf` is the first of three (tools/gguf-split of llama.cpp); it carries what
the others need to be understood. Loads no library.
"""

import re
from pathlib import Path
from typing import Any

from workers.engine.gguf import Gguf, read
from workers.errors import ModelMissing, ModelUnusable

SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
COUNT, NUMBER, TENSORS = "split.count", "split.no", "split.tensors.count"
MOST_PARTS = 1_000


def parts(path: Path) -> tuple[Path, ...]:
    """All files of the model whose first is `path`. Raises ModelMissing or ModelUnusable."""
    named = SPLIT.fullmatch(path.name)
    if named is None:
        found: tuple[Path, ...] = (path,)
    else:
        count = int(named["count"])
        if int(named["number"]) != 1 or not 0 < count <= MOST_PARTS:
            raise ModelUnusable(path=path, reason="it is not the first part of a split model")
        names = (f"{named['stem']}-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1))
        found = tuple(path.with_name(name) for name in names)
    for each in found:
        if not each.is_file():
            raise ModelMissing(path=each)
    return found


def size(path: Path) -> int:
    """Bytes of all files of a model. Raises ModelMissing or ModelUnusable."""
    return sum(part.stat().st_size for part in parts(path))


def check(path: Path) -> tuple[Gguf, ...]:
    """What all files of a model are made of, checked each by itself and as a whole.

    Raises ModelMissing or ModelUnusable.
    """
    files = parts(path)
    read_ones = tuple(read(file) for file in files)
    first, names = read_ones[0].pairs, set[str]()
    for number, (file, found) in enumerate(zip(files, read_ones, strict=True)):
        told = _number(found.pairs, COUNT, 1), _number(found.pairs, NUMBER, 0)
        if told != (len(files), number):
            raise ModelUnusable(
                path=file, reason=f"it says it is part {told[1] + 1} of {told[0]}, not by its name"
            )
        twice = names & {tensor.name for tensor in found.tensors}
        if twice:
            raise ModelUnusable(path=file, reason=f"an earlier part has “{min(twice)}” too")
        names |= {tensor.name for tensor in found.tensors}
    if len(names) != _number(first, TENSORS, len(names)):
        raise ModelUnusable(path=path, reason=f"its parts have {len(names)} tensors together")
    return read_ones


def _number(pairs: Any, key: str, otherwise: int) -> int:
    told = pairs.get(key, otherwise)
    return told if isinstance(told, int) else -1
