"""How soon a cancelled job has stopped, through the whole of Lectern: `cancelled_after`, the time
from the wish until nothing of the job ran any more, many times in each stage of its life.

`python -m benchmarks.cancelling --times 20`
"""

import json
import random
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks import environment, whole
from benchmarks.corpus import Corpus
from benchmarks.whole import Made

TARGET_SECONDS = 2.0
LOOK_SECONDS = 0.02
LONG_TOKENS, PROMPT_TOKENS = 150_000, 3_000
#: Documents are not computed ahead, or no prompt would be long.
SETTINGS = {"LECTERN_WARM": "off"}
#: In every document: a question without evidence is refused before the model is asked.
SAID = "The costs of the northern pumping station were named by the auditor in March."
QUESTION = "Who named the costs of the northern pumping station?"


@dataclass
class Desk:
    """Where jobs are asked for, to be cancelled."""

    client: httpx.Client
    collection: str
    corpus: Corpus = field(default_factory=lambda: Corpus("cancelling"))
    chance: random.Random = field(default_factory=lambda: random.Random("cancelling"))
    number: int = 0

    def upload(self, text: str) -> Made:
        """A new document, on its way."""
        self.number += 1
        content = f"Number {self.number}.\n\n{SAID}\n\n{text}".encode()
        named = {f"document-{self.number}.txt": content}
        return whole.uploaded(self.client, self.collection, named)

    def document(self, tokens: int) -> str:
        """A new document of about so many tokens, read."""
        found = self.upload(self.corpus.text(tokens))
        whole.succeeded(self.client, found["jobs"][0]["id"])
        return str(found["documents"][0]["id"])

    def asked(self, document: str) -> str:
        """A question about a whole document."""
        wanted = {
            "kind": "question",
            "collection_id": self.collection,
            "document_id": document,
            "question": QUESTION,
        }
        return str(whole.made(self.client, "/v1/jobs", wanted)["id"])

    def summary(self, document: str) -> str:
        """A summary of a document."""
        wanted = {"kind": "summary", "document_id": document}
        return str(whole.made(self.client, "/v1/jobs", wanted)["id"])

    def await_step(self, job: str, *kinds: str) -> None:
        """Return once a step of one of the kinds runs, or none will any more."""
        while whole.told(self.client, f"/v1/jobs/{job}")["status"] in {"queued", "running"}:
            steps = whole.told(self.client, f"/v1/jobs/{job}/steps")["steps"]
            if any(one["status"] == "running" and one["kind"] in kinds for one in steps):
                return
            time.sleep(LOOK_SECONDS)

    def linger(self, seconds: float) -> None:
        """Cancel at any moment of the stage, not always at its beginning."""
        time.sleep(self.chance.uniform(0, seconds))


def queued(desk: Desk) -> Iterator[str]:
    """Behind a summary that takes every place."""
    document = desk.document(12 * PROMPT_TOKENS)
    before = desk.summary(document)
    desk.await_step(before, "section")
    while whole.told(desk.client, f"/v1/jobs/{before}")["status"] == "running":
        yield desk.summary(document)


def parsing(desk: Desk) -> Iterator[str]:
    """A long file whose pages are being read."""
    text = desk.corpus.text(LONG_TOKENS)
    while True:
        job = str(desk.upload(text)["jobs"][0]["id"])
        desk.await_step(job, "parse")
        desk.linger(1.0)
        yield job


def embedding(desk: Desk) -> Iterator[str]:
    """A long file whose chunks get their vectors."""
    text = desk.corpus.text(LONG_TOKENS // 3)
    while True:
        job = str(desk.upload(text)["jobs"][0]["id"])
        desk.await_step(job, "embed")
        desk.linger(2.0)
        yield job


def prefilling(desk: Desk) -> Iterator[str]:
    """A question about a document that was never computed: thousands of tokens before a word."""
    while True:
        job = desk.asked(desk.document(PROMPT_TOKENS))
        desk.await_step(job, "answer")
        desk.linger(1.0)
        yield job


def decoding(desk: Desk) -> Iterator[str]:
    """An answer that is being written."""
    document = desk.document(PROMPT_TOKENS // 4)
    whole.succeeded(desk.client, desk.asked(document))
    while True:
        job = desk.asked(document)
        with desk.client.stream("GET", f"/v1/jobs/{job}/events") as story:
            next((line for line in story.iter_lines() if line == "event: token"), None)
        yield job


STAGES: dict[str, Callable[[Desk], Iterator[str]]] = {
    "queued": queued,
    "parsing": parsing,
    "prefilling": prefilling,
    "decoding": decoding,
    "embedding": embedding,
}


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print JSON. 1 when a cancellation took longer than the target."""
    asked = ArgumentParser(prog="python -m benchmarks.cancelling", description=__doc__)
    asked.add_argument("--times", type=int, default=20, help="in each stage")
    asked.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES), metavar="STAGE")
    given = asked.parse_args(words)
    place = environment.results()
    with (
        tempfile.TemporaryDirectory() as folder,
        whole.running(Path(folder), SETTINGS) as client,
    ):
        collection = str(whole.made(client, "/v1/collections", {"name": "Cancelling"})["id"])
        desk = Desk(client, collection)
        found = {name: stage(desk, STAGES[name], given.times) for name in given.only}
    print(json.dumps({"target": TARGET_SECONDS, "stages": found}, indent=2), file=place, flush=True)
    return int(any(one["max"] > TARGET_SECONDS for one in found.values()))


def stage(desk: Desk, begun: Callable[[Desk], Iterator[str]], times: int) -> dict[str, Any]:
    """Seconds until jobs of a stage had stopped, without those that ended before they could."""
    seconds: list[float] = []
    for job in begun(desk):
        desk.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
        after = stopped(desk.client, job)
        if after is not None:
            seconds.append(round(after, 3))
            print(f"  {begun.__name__}: {after:.2f} s", file=sys.stderr)
        if len(seconds) == times:
            break
    return {"times": len(seconds), "max": max(seconds), "median": median(seconds), "all": seconds}


def stopped(client: httpx.Client, job: str) -> float | None:
    """Seconds until it was cancelled; None when it had been too late."""
    while True:
        now = whole.told(client, f"/v1/jobs/{job}")
        if now["status"] in {"succeeded", "failed"}:
            return None
        if now["status"] == "cancelled":
            return float(now["cancelled_after"])
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
