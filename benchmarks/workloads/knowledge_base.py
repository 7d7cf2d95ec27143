"""Questions to a knowledge base: four passages each, mixed from many documents.

Some passages are asked for oftener than others, in ever new company. Exact means that the answer
is computed from the very prompt; composed means that the KV of passages computed apart is joined,
which is nearly the same and must say by how much it is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from benchmarks import prompts
from benchmarks.bench import Bench
from benchmarks.clock import Question, Reply, ask
from benchmarks.figures import Row, Sample
from benchmarks.peer import Peer
from benchmarks.servers import Setting

SETTINGS = (
    Setting(1, flash=False),
    Setting(4, flash=True),
    Setting(4, flash=False),
    Setting(1, flash=False, extra=("--cache-reuse", "64")),
)
QUICK = 2
EVIDENCE = 4
PASSAGE_TOKENS = 250
ANSWER_TOKENS = 24
EXACT_TARGET, COMPOSED_TARGET = 0.5, 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the passages that were found for it."""

    question: str
    passages: tuple[str, ...]


def run(bench: Bench) -> Iterator[Row]:
    """First token of exact and composed evidence beside llama-server."""
    corpus = bench.corpus("knowledge-base")
    library = [corpus.text(PASSAGE_TOKENS) for _ in range(bench.size(200, 24))]
    asked = [
        Asked(
            corpus.question(number),
            tuple(library[one] for one in corpus.pick(EVIDENCE, len(library))),
        )
        for number in range(bench.size(50, 8))
    ]
    theirs = {}
    for setting in SETTINGS[: QUICK if bench.quick else None]:
        with bench.server(setting) as server:
            theirs[setting.name] = _sample(_replies(server, asked))
        bench.tell(f"{server.name}: {theirs[setting.name]}")
    name = min(theirs, key=lambda one: theirs[one].middle)
    with bench.lectern() as lectern:
        exact = _replies(lectern, asked)
        bench.tell(f"Lectern, exact: {_sample(exact)}")
    shape = (
        f"{len(asked)} questions, {EVIDENCE} passages of {PASSAGE_TOKENS} tokens out of"
        f" {len(library)}, first token"
    )
    tried = ", ".join(f"{one}: {sample}" for one, sample in theirs.items())
    peer = f"llama-server {name}"
    yield Row(
        "knowledge_base_exact",
        _sample(exact).middle / theirs[name].middle,
        EXACT_TARGET,
        "lower",
        peer,
        f"{shape}; Lectern {_sample(exact)}; server {tried}",
    )
    with bench.lectern(compose=True) as lectern:
        for passage in library:
            lectern.warm(prompts.evidence([passage], corpus.question(0)))
        bench.tell(f"Lectern: {len(library)} passages read")
        composed = _replies(lectern, asked)
        bench.tell(f"Lectern, composed: {_sample(composed)}")
    yield Row(
        "knowledge_base_composed",
        _sample(composed).middle / theirs[name].middle,
        COMPOSED_TARGET,
        "lower",
        peer,
        f"{shape}; Lectern {_sample(composed)}, server {theirs[name]}; {_quality(exact, composed)}",
    )


def _quality(exact: Sequence[Reply], composed: Sequence[Reply]) -> str:
    pairs = [(one.text, other.text) for one, other in zip(exact, composed, strict=True)]
    alike = [
        SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()
        for one, other in pairs
    ]
    same = sum(one == other for one, other in pairs)
    return (
        f"beside exact, {same} of {len(pairs)} answers are equal and {sum(alike) / len(alike):.0%}"
        " of the words stand in the same order"
    )


def _replies(peer: Peer, asked: Sequence[Asked]) -> list[Reply]:
    return [
        ask(peer, Question(tuple(prompts.evidence(one.passages, one.question)), ANSWER_TOKENS))
        for one in asked
    ]


def _sample(replies: Sequence[Reply]) -> Sample:
    return Sample(tuple(reply.first for reply in replies))
