"""The first question about documents that have just been read; again after a restart.

Lectern has computed `[system][document]` in idle time when the file was read, and finds it on the
disk after a restart. A server computes the whole prompt when the question comes, unless somebody
had it save each slot and restores the right one before each question; a full run tells that too.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import prompts
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.clock import Question, ask
from benchmarks.figures import Row, Sample
from benchmarks.lectern import Lectern
from benchmarks.peer import Peer
from benchmarks.servers import Setting

SETTINGS = (Setting(4, flash=True), Setting(4, flash=False))
DOCUMENT_TOKENS = 3_000
ANSWER_TOKENS = 8
FEW = 4  #: documents whose slots are saved by hand
TARGET = 0.06


def run(bench: Bench) -> Iterator[Row]:
    """Warm after reading, warm after a restart, both beside llama-server's cold."""
    corpus = bench.corpus("first-question")
    documents = [corpus.text(DOCUMENT_TOKENS) for _ in range(bench.size(20, 4))]
    colds = {}
    for setting in SETTINGS:
        # A cold prompt is equally cold each time: a part of the documents tells.
        few = documents[: bench.size(8, 2)]
        with bench.server(setting) as server:
            colds[setting.name] = Sample(tuple(first_tokens(server, few)))
        bench.tell(f"{server.name}: cold {colds[setting.name]}")
    name = min(colds, key=lambda one: colds[one].middle)
    with tempfile.TemporaryDirectory() as folder:
        with bench.lectern(folder=Path(folder)) as lectern:
            for document in documents:
                lectern.warm(prompts.about(document, corpus.question(0)))
            bench.tell(f"Lectern: {len(documents)} documents read")
            read = Sample(tuple(first_tokens(lectern, documents)))
        bench.tell(f"Lectern: just read {read}")
        restarted = Sample(tuple(apart(_restarted, bench.model, Path(folder), documents)))
        bench.tell(f"Lectern: after a restart {restarted}")
    shape = f"{len(documents)} documents of {DOCUMENT_TOKENS} tokens"
    tried = ", ".join(f"{one}: {cold}" for one, cold in colds.items())
    if not bench.quick:
        tried += f"; slots saved and restored by hand {_by_hand(bench, documents[:FEW])}"
    for row, ours in (("first_question", read), ("first_question_restarted", restarted)):
        yield Row(
            row,
            ours.middle / colds[name].middle,
            TARGET,
            "lower",
            f"llama-server {name}, cold",
            f"{shape}, first token; Lectern {ours}; server {tried}",
        )


def _by_hand(bench: Bench, documents: list[str]) -> Sample:
    """Seconds until a restarted llama-server restored a document's slot and began to answer."""
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(1, flash=False, extra=("--slot-save-path", folder))
        with bench.server(setting) as server:
            for number, document in enumerate(documents):
                first_tokens(server, [document])
                server.slot("save", f"{number}.bin")
        seconds = []
        with bench.server(setting) as server:
            for number, document in enumerate(documents):
                began = time.monotonic()
                server.slot("restore", f"{number}.bin")
                seconds.append(time.monotonic() - began + first_tokens(server, [document])[0])
        return Sample(tuple(seconds))


def first_tokens(peer: Peer, documents: list[str]) -> list[float]:
    """Seconds to the first token of one question about each."""
    question = "Which figures are given, and for which year?"
    asked = [
        Question(tuple(prompts.about(document, question)), ANSWER_TOKENS) for document in documents
    ]
    return [ask(peer, one).first for one in asked]


def _restarted(model: Path, folder: Path, documents: list[str]) -> list[float]:
    with closing(Lectern(model, folder)) as lectern:
        return first_tokens(lectern, documents)
