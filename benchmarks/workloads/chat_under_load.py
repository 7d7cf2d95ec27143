"""A person chats while eight summaries run: what each of them loses."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import prompts
from benchmarks.bench import Bench
from benchmarks.clock import Question, Reply, ask, ask_together, makespan
from benchmarks.figures import Row, percentile
from benchmarks.peer import Peer
from benchmarks.servers import Setting

SETTING = Setting(9, flash=True), Setting(9, flash=False)
SUMMARIES = 8
CHAT_TOKENS, CHAT_ANSWER = 300, 24
SECTION_ANSWER = 60


@dataclass(frozen=True)
class Run:
    """A peer's chats with nothing else to do and under load, and its summaries' time."""

    idle: list[Reply]
    loaded: list[Reply]
    alone_seconds: float
    beside_seconds: float

    def first(self, share: float) -> float:
        """First token under load ÷ idle, at a percentile."""
        return _firsts(self.loaded, share) / _firsts(self.idle, share)

    @property
    def gap(self) -> float:
        """95th percentile of the gaps between tokens, under load ÷ idle."""
        return _gaps(self.loaded) / _gaps(self.idle)

    @property
    def kept(self) -> float:
        """Throughput of the summaries beside the chats ÷ alone."""
        return self.alone_seconds / self.beside_seconds

    def __str__(self) -> str:
        """Its times and ratios."""
        return (
            f"first token idle {_firsts(self.idle, 0.5):.3g} s, in {len(self.loaded)} chats beside"
            f" p50 {_firsts(self.loaded, 0.5):.3g} s p95 {_firsts(self.loaded, 0.95):.3g} s;"
            f" p95 gap {1e3 * _gaps(self.idle):.3g} → {1e3 * _gaps(self.loaded):.3g} ms;"
            f" summaries {self.alone_seconds:.3g} → {self.beside_seconds:.3g} s"
        )


def run(bench: Bench) -> Iterator[Row]:
    """Lectern's ratios, with llama-server's in the details."""
    with bench.lectern() as lectern:
        ours = measure(bench, lectern)
    bench.tell(f"Lectern: {ours}")
    servers = {}
    for setting in SETTING[1 if bench.quick else 0 :]:
        with bench.server(setting) as server:
            servers[setting.name] = measure(bench, server)
        bench.tell(f"{server.name}: {servers[setting.name]}")
    name = min(servers, key=lambda one: servers[one].first(0.5))
    theirs = servers[name]
    peer = "Lectern with nothing else to do"
    shape = f"{len(ours.loaded)} chats of {CHAT_TOKENS} tokens beside {SUMMARIES} summaries"
    detail = f"{shape}; Lectern: {ours}; llama-server {name}: {theirs}"
    rows = (
        ("chat_first_token_p50", ours.first(0.5), theirs.first(0.5), 1.5),
        ("chat_first_token_p95", ours.first(0.95), theirs.first(0.95), 1.5),
        ("chat_gap_p95", ours.gap, theirs.gap, 2.0),
    )
    for row, ratio, other, target in rows:
        yield Row(row, ratio, target, "lower", peer, f"llama-server's ratio {other:.3g}; {detail}")
    yield Row(
        "background_kept",
        ours.kept,
        0.8,
        "higher",
        "Lectern's summaries without chats",
        f"llama-server's ratio {theirs.kept:.3g}; {detail}",
    )


def measure(bench: Bench, peer: Peer) -> Run:
    """Chats alone, summaries alone, then both."""
    corpus = bench.corpus("chat-under-load")
    chats = bench.size(12, 4)

    def chat() -> Reply:
        turns = prompts.about(corpus.text(CHAT_TOKENS), corpus.question(0))
        return ask(peer, Question(tuple(turns), CHAT_ANSWER))

    def summaries() -> list[Question]:
        tokens = bench.size(2_400, 900)
        return [
            Question(prompts.section(corpus.text(tokens)), SECTION_ANSWER, True)
            for _ in range(SUMMARIES)
        ]

    chat()  # the first of a fresh process computes the system prompt and warms the caches
    idle = [chat() for _ in range(chats)]
    alone = makespan(ask_together(peer, summaries()))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask_together, peer, summaries())
        loaded = []
        for number in range(chats):
            time.sleep(alone * (0.8 if number else 0.4) / chats)
            if not running.done():
                loaded.append(chat())
        beside = makespan(running.result())
    return Run(idle, loaded, alone, beside)


def _firsts(replies: list[Reply], share: float) -> float:
    return percentile([reply.first for reply in replies], share)


def _gaps(replies: list[Reply]) -> float:
    return percentile([gap for reply in replies for gap in reply.gaps], 0.95)
