"""The align step of a comparison: two of its texts, statement by statement.

What it leaves are places, never words. So it may be kept for other jobs with one of the two
documents, and when the other is deleted nothing of it is left.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from workers import steps
from workers.comparing.alignment import Alignment, By, Pair, align
from workers.comparing.meaning import Meaning
from workers.comparing.source import Source, fingerprint, load
from workers.work import Output, Work


def align_pair(work: Work) -> Output:
    """Align two texts, or find that it has been done."""
    began = time.monotonic()
    mine, theirs = work.step.input["pair"]
    versions = work.job.params["versions"]
    (document_id, version_id), (_, other_id) = versions[mine], versions[theirs]
    key = content_key(
        fingerprint(version_id), fingerprint(other_id), work.tools.embedder.fingerprint
    )
    kept = steps.checkpoint(key)
    found = _aligned(work, version_id, other_id) if kept is None else kept
    ms = round(1e3 * (time.monotonic() - began))
    data = {**found, "reused": kept is not None, "ms": ms}
    told = {name: data[name] for name in ("counts", "reused", "ms")}
    work.tell("partial", {"pair": [mine, theirs], **told})
    return Output(data, key, document_id)


def content_key(text: str, other_text: str, embedder: str) -> str:
    """What an alignment of two texts is kept under; all three are fingerprints."""
    return hashlib.sha256(f"{text}:{other_text}:{embedder}".encode()).hexdigest()


def _aligned(work: Work, version_id: str, other_id: str) -> dict[str, Any]:
    left, right = load(version_id, work.check), load(other_id, work.check)
    finder = Meaning(left, right, work.tools.embedder, work.check)
    return noted(align(left.statements, right.statements, finder, work.check), left, right)


def noted(found: Alignment, left: Source, right: Source) -> dict[str, Any]:
    """An alignment by the places of its statements, and how much of each there is."""
    sides = [[one.place for one in source.statements] for source in (left, right)]
    pairs = [[*sides[0][p.left], *sides[1][p.right], p.by, p.score] for p in found.pairs]
    same = sum(pair.by is By.SAME for pair in found.pairs)
    both = list(zip(sides, found.repeated, strict=True))
    alone = [len(places) - len(pairs) - len(numbers) for places, numbers in both]
    return {
        "pairs": pairs,
        "repeated": [[places[number] for number in sorted(numbers)] for places, numbers in both],
        "counts": {"same": same, "similar": len(pairs) - same, "alone": alone},
    }


def read_back(data: Mapping[str, Any], left: Source, right: Source) -> Alignment:
    """The alignment again, without what an older release has cut at other places."""
    mine, theirs = (
        {one.place: number for number, one in enumerate(source.statements)}
        for source in (left, right)
    )
    pairs = tuple(
        Pair(mine[page, start], theirs[other_page, other_start], By(by), score)
        for page, start, other_page, other_start, by, score in data["pairs"]
        if (page, start) in mine and (other_page, other_start) in theirs
    )
    first, second = (
        frozenset(numbers[page, start] for page, start in places if (page, start) in numbers)
        for numbers, places in zip((mine, theirs), data["repeated"], strict=True)
    )
    return Alignment(pairs, (first, second))
