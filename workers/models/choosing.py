"""Which files of a repository make up the model that somebody means."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from workers.engine.parts import SPLIT
from workers.models.errors import ChoiceUnclear, ModelFileMissing
from workers.models.hub import Remote

#: Taken when nothing is said and it is there: the usual middle between size and loss.
USUAL = "Q4_K_M"
FORMAT = re.compile(r"(?:^|[-._])((?:I?Q|TQ)\d\w*|[BF]?F(?:P)?(?:16|32)|MXFP4\w*)$", re.IGNORECASE)
#: Files in this format that are no language model.
OTHERS = re.compile(r"mmproj|imatrix", re.IGNORECASE)
LISTED = 30


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in one format: its files in order."""

    stem: str  #: the files' name without number and ending
    files: tuple[Remote, ...]

    @property
    def format(self) -> str:
        """Such as Q4_K_M; empty when the name tells none."""
        found = FORMAT.search(self.stem)
        return found[1].upper().replace("FP", "F") if found else ""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


def candidates(files: Iterable[Remote]) -> tuple[Candidate, ...]:
    """The models among some files; those of which a part is missing are none."""
    groups = defaultdict[str, list[Remote]](list)
    for file in files:
        if file.name.lower().endswith(".gguf") and not OTHERS.search(file.name):
            groups[_whole(file.path)].append(file)
    return tuple(sorted(_complete(groups.values()), key=lambda one: one.size))


def choose(found: Sequence[Candidate], wanted: str, where: str) -> Candidate:
    """The one that `wanted` names: a file or a format; empty: the only one, or the usual format.

    Raises ModelFileMissing or ChoiceUnclear.
    """
    there = ", ".join(one.format or one.stem for one in found[:LISTED]) or "none"
    if wanted:
        named = [one for one in found if _names(one, wanted)]
    else:
        named = [*found] if len(found) < 2 else [one for one in found if one.format == USUAL]
    if len(named) == 1:
        return named[0]
    if not named and (wanted or not found):
        raise ModelFileMissing(where=where, wanted=wanted or "*", there=there)
    several = ", ".join(one.files[0].path for one in named[:LISTED]) or there
    raise ChoiceUnclear(where=where, there=several)


def _names(one: Candidate, wanted: str) -> bool:
    if wanted.lower().endswith(".gguf"):
        return any(wanted in (file.path, file.name) for file in one.files)
    return one.format == wanted.upper() or one.stem.casefold() == wanted.casefold()


def _complete(groups: Iterable[list[Remote]]) -> Iterator[Candidate]:
    for files in groups:
        ordered = sorted(files, key=lambda file: file.path)
        split = SPLIT.fullmatch(ordered[0].name)
        if split and [file.name for file in ordered] != [
            f"{split['stem']}-{number + 1:05}-of-{split['count']}.gguf"
            for number in range(int(split["count"]))
        ]:
            continue
        stem = split["stem"] if split else PurePosixPath(ordered[0].name).stem
        yield Candidate(stem, tuple(ordered))


def _whole(path: str) -> str:
    """What the parts of a split model have in common, folder included."""
    split = SPLIT.fullmatch(PurePosixPath(path).name)
    parent = PurePosixPath(path).parent
    return str(parent / f"{split['stem']}-of-{split['count']}") if split else path
