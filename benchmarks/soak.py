"""Hours of made load on one engine: does memory grow, does it slow down?

`python -m benchmarks.soak --minutes 60`. A person asks about ever new documents, and comes back to
old ones, while summaries run in the background. Memory and throughput are noted from the moment on
when the cache of prefixes is full: until then they change as they should. It is a small cache
here, which is full in some ten minutes.
"""

import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from benchmarks import environment, models, prompts, report
from benchmarks.clock import Question, ask, ask_together
from benchmarks.corpus import Corpus
from benchmarks.figures import Row, slope
from benchmarks.lectern import Lectern
from workers.engine import library

SECTIONS, SECTION_TOKENS, SECTION_ANSWER = 8, 400, 40
DOCUMENT_TOKENS, CHAT_ANSWER = 800, 24
OLD_DOCUMENTS = 5
CACHE_MB = 256
#: What is put next need not fit into what is left: a cache counts as full from this share on.
FULL = 0.9
MEGABYTE = 1 << 20
#: Growth allowed in an hour, as a share of the memory in use.
GROWTH_TARGET = 0.02
DRIFT_TARGET = 0.97


@dataclass
class Record:
    """What was seen, by the seconds since the start."""

    began: float = field(default_factory=time.monotonic)
    memory: list[tuple[float, float]] = field(default_factory=list)  #: megabytes
    batches: list[tuple[float, float]] = field(default_factory=list)  #: sections per second

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began


def main(words: Sequence[str] | None = None) -> int:
    """Run for so many minutes and print the rows as JSON."""
    asked = ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    asked.add_argument("--minutes", type=float, default=60.0, help="after the cache is full")
    minutes = asked.parse_args(words).minutes
    place = environment.results()
    library.quiet()
    with TemporaryDirectory() as folder:
        record = soak(models.lectern(), Path(folder), 60 * minutes)
    print(report.as_json(list(rows(record))), file=place, flush=True)
    return 0


def soak(model: Path, folder: Path, seconds: float) -> Record:
    """Load the engine until its cache is full, and for so long again."""
    lectern = Lectern(model, folder, prefix_cache_mb=CACHE_MB)
    ended = threading.Event()
    reader = threading.Thread(target=_chat, args=(lectern, ended), daemon=True)
    reader.start()
    corpus = Corpus("soak-sections")
    record = Record()
    try:
        while lectern.kept_bytes < FULL * CACHE_MB * MEGABYTE:
            _sections(lectern, corpus, record)
        record = Record()
        while record.now() < seconds:
            _sections(lectern, corpus, record)
    finally:
        ended.set()
        reader.join()
        lectern.close()
    return record


def _sections(lectern: Lectern, corpus: Corpus, record: Record) -> None:
    """Some sections at once, in the background."""
    began = record.now()
    texts = [corpus.text(SECTION_TOKENS) for _ in range(SECTIONS)]
    ask_together(lectern, [Question(prompts.section(text), SECTION_ANSWER, True) for text in texts])
    record.batches.append((record.now(), SECTIONS / (record.now() - began)))
    record.memory.append((record.now(), psutil.Process().memory_info().rss / MEGABYTE))
    print(
        f"  {record.now():.0f} s: {record.memory[-1][1]:.0f} MB, of them"
        f" {lectern.kept_bytes / MEGABYTE:.0f} of prefixes; {record.batches[-1][1]:.2f} sections/s",
        file=sys.stderr,
    )


def _chat(lectern: Lectern, ended: threading.Event) -> None:
    """One person, who reads a while after each answer."""
    corpus, documents = Corpus("soak-chat"), list[str]()
    number = 0
    while not ended.wait(5.0):
        if number % 2 == 0:
            documents = [*documents, corpus.text(DOCUMENT_TOKENS)][-OLD_DOCUMENTS:]
        document = documents[number % len(documents)]
        turns = prompts.about(document, corpus.question(number))
        ask(lectern, Question(tuple(turns), CHAT_ANSWER))
        number += 1


def rows(record: Record) -> Iterator[Row]:
    """Growth of memory in an hour, and throughput of the last third by the first."""
    memory, batches = record.memory, record.batches
    minutes = record.now() / 60
    used = median(megabytes for _, megabytes in memory)
    grown = 3_600 * slope(memory)
    yield Row(
        "soak_growth",
        grown / used,
        GROWTH_TARGET,
        "lower",
        "no growth",
        f"{minutes:.0f} minutes: {grown:.3g} MB an hour on {used:.0f} MB resident",
    )
    third = max(1, len(batches) // 3)
    first, last = (median(rate for _, rate in part) for part in (batches[:third], batches[-third:]))
    yield Row(
        "soak_drift",
        last / first,
        DRIFT_TARGET,
        "higher",
        "its own first third",
        f"{minutes:.0f} minutes: {first:.3g} → {last:.3g} sections a second, chats beside",
    )


if __name__ == "__main__":
    sys.exit(main())
