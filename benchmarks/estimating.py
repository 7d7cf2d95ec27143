"""How good estimates are: summaries of documents of many lengths, alone and beside others, through
the whole of Lectern, each asked for what it would take and then waited for.

`python -m benchmarks.estimating --jobs 30 [--data meetings.jsonl]`
"""

import json
import random
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx

from benchmarks import environment, whole
from benchmarks.corpus import Corpus
from benchmarks.whole import Made

#: Tokens of the shortest and the longest document; lengths between are as likely by ratio.
LENGTHS = (600, 16_000)
CHARACTERS_PER_TOKEN = 4.5
#: How many summaries begin at the same time, in turn.
TOGETHER = (1, 1, 2, 1, 3)
WITHIN_P90, NEAR_P50 = 0.9, 0.3


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print JSON. 1 when fewer than nine of ten ended by their p90."""
    asked = ArgumentParser(prog="python -m benchmarks.estimating", description=__doc__)
    asked.add_argument("--jobs", type=int, default=30)
    asked.add_argument("--seed", default="estimating")
    asked.add_argument("--data", type=Path, metavar="PATH", help="texts, or QMSum's JSONL")
    given = asked.parse_args(words)
    place, chance = environment.results(), random.Random(given.seed)
    texts = [_cut(text, chance) for text in _texts(given.data, given.seed, given.jobs)]
    with (
        tempfile.TemporaryDirectory() as folder,
        whole.running(Path(folder), {}) as client,
    ):
        found = [_shown(job) for job in _summarised(client, texts)]
        accuracy = whole.told(client, "/v1/jobs/accuracy")
    result = {"accuracy": accuracy, **judged(found), "jobs": found}
    print(json.dumps(result, indent=2), file=place, flush=True)
    return int(result["within_p90"] < WITHIN_P90)


def judged(found: Sequence[Made]) -> dict[str, Any]:
    """Shares of the jobs that ended by their p90, and near their p50; of the later half too."""
    shares: dict[str, Any] = {}
    for name, some in (("", found), ("_of_later_half", found[len(found) // 2 :])):
        count = len(some) or 1
        shares[f"within_p90{name}"] = sum(one["real"] <= one["p90"] for one in some) / count
        near = (abs(one["by_p50"] - 1) <= NEAR_P50 for one in some)
        shares[f"near_p50{name}"] = sum(near) / count
    return shares


def _summarised(client: httpx.Client, texts: Sequence[str]) -> Iterator[Made]:
    collection = str(whole.made(client, "/v1/collections", {"name": "Estimating"})["id"])
    sizes, left = cycle(TOGETHER), list(texts)
    while left:
        size = next(sizes)
        group, left = left[:size], left[size:]
        yield from _together(client, collection, group)


def _together(client: httpx.Client, collection: str, texts: Sequence[str]) -> Iterator[Made]:
    """Read all of them first, then summarise them at the same time."""
    named = {f"{hash(text):x}.md": text.encode() for text in texts}
    uploaded = whole.uploaded(client, collection, named)
    for job in uploaded["jobs"]:
        whole.succeeded(client, job["id"])
    wanted = [{"kind": "summary", "document_id": one["id"]} for one in uploaded["documents"]]
    jobs = [whole.made(client, "/v1/jobs", each)["id"] for each in wanted]
    for job in jobs:
        ended = whole.succeeded(client, str(job))
        print(f"  {_shown(ended)}", file=sys.stderr)
        yield ended


def _shown(job: Made) -> dict[str, Any]:
    """What was promised, and what came of it."""
    promise, usage = job["estimate"], job["result"]["usage"]
    return {
        "steps": promise["steps"],
        "prompt_tokens": promise["prompt_tokens"],
        "written_at_most": promise["written_tokens"],
        "written": usage["completion_tokens"],
        "p50": round(promise["p50"], 2),
        "p90": round(promise["p90"], 2),
        "real": round(promise["real"], 2),
        "by_p50": round(promise["real"] / promise["p50"], 3),
    }


def _texts(data: Path | None, seed: str, count: int) -> Iterator[str]:
    """So many texts, each long enough to be cut."""
    if data is not None and data.suffix == ".jsonl":
        transcripts = list(_transcripts(data))
        for number in range(count):
            yield transcripts[number % len(transcripts)]
        return
    corpus = Corpus(seed, data)
    for _ in range(count):
        yield corpus.text(LENGTHS[1])


def _transcripts(data: Path) -> Iterator[str]:
    """The meetings of a file of QMSum (https://github.com/Yale-LILY/QMSum), a turn a paragraph."""
    for line in data.read_text().splitlines():
        turns = json.loads(line)["meeting_transcripts"]
        yield "\n\n".join(f"{turn['speaker']}: {turn['content']}" for turn in turns)


def _cut(text: str, chance: random.Random) -> str:
    """A part of the text, from somewhere, of a length that is drawn."""
    shortest, longest = LENGTHS
    tokens = shortest * (longest / shortest) ** chance.random()
    length = min(len(text), round(CHARACTERS_PER_TOKEN * tokens))
    begin = chance.randrange(len(text) - length + 1)
    return text[begin : begin + length]


if __name__ == "__main__":
    sys.exit(main())
