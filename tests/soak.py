"""Mixed jobs on the whole of Lectern while its parts are killed, frozen and emptied; then a rest,
and a look at what came of it.

PYTHONPATH=. python tests/soak.py --jobs 200 --minutes 10 --seed 1

Standard output gets one JSON object; the exit status is 1 when something is not as it must be.
What is asked and what is done to whom comes from the seed; what meets what does not.
"""

import json
import random
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fakes import prose
from fleet import Fleet, until
from invariants import index_agrees, violations
from mishaps import freeze
from test_stack import report

from workers.engine import library, weights

WORKERS = 2
#: How often each kind is asked for.
KINDS = {"read": 30, "summary": 15, "question": 25, "search": 20, "delete": 10}
QUESTION = "Who inspected the {topic} in week {week}?"
TOPICS = ("harbour", "tariff", "reservoir", "turbine", "orchard", "archive", "viaduct", "clinic")
REST_SECONDS = 1_800.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that was accepted."""

    id: str
    kind: str
    collection: str
    document: str | None = None


@dataclass
class Soak:
    """The fleet, what was asked of it and what was done to it."""

    fleet: Fleet
    chance: random.Random
    asked: list[Asked] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)  #: to searches, by status
    mishaps: Counter[str] = field(default_factory=Counter)
    deleted: set[str] = field(default_factory=set)
    documents: dict[str, str] = field(default_factory=dict)  #: that may be asked about → collection
    number: int = 0

    def prepare(self) -> None:
        """Two workers; a collection that only grows, and one whose documents come and go."""
        for _ in range(WORKERS):
            self.fleet.start_worker()
        self.steady, self.fleeting = (
            self.fleet.new_collection(name) for name in ("Steady", "Fleeting")
        )
        for collection in (self.steady, self.fleeting):
            for document in self.fleet.read(collection, **{self._name(): self._text(1)}):
                self.documents[document["id"]] = collection

    def ask(self, kind: str, crowd: ThreadPoolExecutor) -> None:
        """One job of the kind."""
        collection = self.chance.choice((self.steady, self.fleeting))
        topic, week = self.chance.choice(TOPICS), self.chance.randrange(20)
        question = QUESTION.format(topic=topic, week=week)
        if kind == "read":
            self._read(collection)
        elif kind == "summary":
            document = self.chance.choice(sorted(self._present()))
            self._note(kind, {"kind": kind, "document_id": document}, document)
        elif kind == "question":
            self._note(kind, {"kind": kind, "collection_id": collection, "question": question})
        elif kind == "search":
            crowd.submit(self._search, collection, question)
        else:
            self._delete()

    def _read(self, collection: str) -> None:
        sections = self.chance.choice((0, 0, 1, 2, 4))
        answer = self.fleet.upload(collection, **{self._name(): self._text(sections)})
        assert answer.status_code == 202, answer.text
        (document,), (job,) = answer.json()["documents"], answer.json()["jobs"]
        self.documents[document["id"]] = collection
        self.asked.append(Asked(job["id"], "read", collection, document["id"]))

    def _note(self, kind: str, wanted: dict[str, Any], document: str | None = None) -> None:
        answer = self.fleet.client.post("/v1/jobs", json=wanted)
        if answer.status_code == 422 and answer.json()["code"] == "document_not_ready":
            return self._read(self.steady)  # so that the number is right
        assert answer.status_code == 202, answer.text
        job = answer.json()
        self.asked.append(Asked(job["id"], kind, str(job["collection_id"]), document))
        return None

    def _search(self, collection: str, query: str) -> None:
        path = f"/v1/collections/{collection}/search"
        self.answers[str(self.fleet.client.post(path, json={"query": query}).status_code)] += 1

    def _delete(self) -> None:
        there = [one for one in self._present() if self.documents[one] == self.fleeting]
        if not there:
            return self._read(self.fleeting)
        document = self.chance.choice(sorted(there))
        self.deleted.add(document)
        job = self.fleet.client.delete(f"/v1/documents/{document}").json()["job"]
        self.asked.append(Asked(job["id"], "delete", self.fleeting))
        return None

    def _present(self) -> set[str]:
        return set(self.documents) - self.deleted

    def _name(self) -> str:
        self.number += 1
        return f"report{self.number}_txt"

    def _text(self, sections: int) -> bytes:
        marker = f"district{self.number}x{self.chance.randrange(10**6)}"
        return (report(sections, marker) if sections else prose(3, topic=marker)).encode()


def lose_a_worker(fleet: Fleet, chance: random.Random) -> None:
    """Killed, and started again."""
    fleet.kill(chance.choice(fleet.workers_running()))
    fleet.start_worker()


def freeze_a_worker(fleet: Fleet, chance: random.Random) -> None:
    """Shorter or longer than its leases last."""
    worker = chance.choice(fleet.workers_running())
    freeze(fleet, worker)
    time.sleep(chance.uniform(1, 12))
    worker.send_signal(signal.SIGCONT)


def stop_a_worker(fleet: Fleet, chance: random.Random) -> None:
    """Asked to end, and started again."""
    fleet.kill(chance.choice(fleet.workers_running()), signal.SIGTERM)
    fleet.start_worker()


def lose_redis(fleet: Fleet, chance: random.Random) -> None:
    """With all that it knew, now and then."""
    fleet.kill(fleet.redis)
    if chance.random() < 0.5:
        fleet.wipe("redis")
    time.sleep(chance.uniform(0, 8))
    fleet.start_redis()


def lose_chroma(fleet: Fleet, chance: random.Random) -> None:
    """With all that it held, now and then."""
    fleet.kill(fleet.chroma)
    if chance.random() < 0.5:
        fleet.wipe("chroma")
    time.sleep(chance.uniform(0, 8))
    fleet.start_chroma()


MISHAPS = (lose_a_worker, freeze_a_worker, stop_a_worker, lose_redis, lose_chroma)


def run(
    fleet: Fleet, jobs: int, minutes: float, seed: int, rounds: int | None = None
) -> dict[str, Any]:
    """Ask, harm, rest; returns what was done and what is wrong now.

    Every mishap happens `rounds` times; None: again and again as long as something is asked.
    """
    soak = Soak(fleet, random.Random(seed))
    soak.prepare()
    kinds = soak.chance.choices(list(KINDS), list(KINDS.values()), k=jobs)
    pause, began = 60 * minutes / jobs, time.monotonic()
    with ThreadPoolExecutor(8) as crowd, harming(soak, minutes, seed, rounds):
        for place, kind in enumerate(kinds):
            soak.ask(kind, crowd)
            time.sleep(max(0.0, began + (place + 1) * pause - time.monotonic()))
    rested = time.monotonic()
    rest(fleet)
    return {
        "seed": seed,
        "minutes": minutes,
        "mishaps": dict(soak.mishaps),
        "jobs": outcomes(soak),
        "searches": dict(soak.answers),
        "steps": dict(fleet.sql("SELECT status, count(*) FROM steps GROUP BY status")),
        "leases_lost": fleet.sql("SELECT coalesce(sum(lost), 0) FROM steps")[0][0],
        "retries": fleet.sql("SELECT coalesce(sum(retries), 0) FROM steps")[0][0],
        "quiet_after_seconds": round(time.monotonic() - rested, 1),
        "wrong": [*wrong_ends(soak), *violations(fleet)],
    }


@contextmanager
def harming(soak: Soak, minutes: float, seed: int, rounds: int | None) -> Iterator[None]:
    """All kinds of mishaps by turns, in an order of their own."""
    ended, chance = threading.Event(), random.Random(f"mishaps {seed}")
    faults: list[BaseException] = []

    def live() -> None:
        try:
            for _ in range(rounds) if rounds else count():
                for mishap in chance.sample(MISHAPS, len(MISHAPS)):
                    if ended.wait(chance.uniform(0, 60 * minutes / 25)) and not rounds:
                        return
                    mishap(soak.fleet, chance)
                    soak.mishaps[mishap.__name__] += 1
        except BaseException as error:  # noqa: BLE001 - told to the thread that can fail
            faults.append(error)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if faults:
        raise faults[0]


def rest(fleet: Fleet) -> None:
    """Until nothing is left to do and the index has been looked after."""
    open_jobs = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"
    until(lambda: fleet.sql(open_jobs) == [(0,)], "all jobs end", REST_SECONDS)
    until(lambda: index_agrees(fleet), "the index agrees", REST_SECONDS)


def outcomes(soak: Soak) -> dict[str, int]:
    """How many jobs of each kind ended in each way."""
    return dict(Counter(f"{one.kind} {state(soak.fleet, one)}" for one in soak.asked))


def state(fleet: Fleet, asked: Asked) -> str:
    answer = fleet.client.get(f"/v1/jobs/{asked.id}")
    return "gone" if answer.status_code == httpx.codes.NOT_FOUND else answer.json()["status"]


def wrong_ends(soak: Soak) -> Iterator[str]:
    """Jobs that ended otherwise than they must."""
    for one in soak.asked:
        ended = state(soak.fleet, one)
        concerned = one.document in soak.deleted or (
            one.document is None and one.collection == soak.fleeting and one.kind == "question"
        )
        allowed = {"succeeded", "gone", "cancelled"} if concerned else {"succeeded"}
        if ended not in allowed and not poisoned(soak.fleet, one, ended):
            why = soak.fleet.job(one.id)["error"] if ended != "gone" else None
            yield f"{one.kind} {one.id} ended {ended}: {why}"
    if strange := set(soak.answers) - {"200", "504"}:
        yield f"searches were answered with {strange}"


def poisoned(fleet: Fleet, asked: Asked, ended: str) -> bool:
    """Whether the job was given up because one of its steps was lost three times."""
    return ended == "failed" and any(step["lost"] == 3 for step in fleet.steps(asked.id))


def main(words: Sequence[str] | None = None) -> int:
    asked = ArgumentParser(prog="python tests/soak.py", description=__doc__)
    asked.add_argument("--jobs", type=int, default=200)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args(words)
    library.quiet()
    model = weights.chosen("", Path(__file__).parents[1] / ".venv" / "lectern-models")
    fleet = Fleet(model)
    try:
        fleet.start()
        found = run(fleet, given.jobs, given.minutes, given.seed)
    finally:
        fleet.stop()
    print(json.dumps(found, indent=2))
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
