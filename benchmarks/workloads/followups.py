"""A question about a document of 3,000 tokens, then five more; three conversations by turns.

Each answer makes the next prompt longer. Who keeps the KV of all three conversations computes
only the new question.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks import prompts
from benchmarks.bench import Bench, Timings
from benchmarks.clock import Question, ask
from benchmarks.figures import Row
from benchmarks.peer import Peer
from benchmarks.servers import Setting

SETTINGS = (
    Setting(4, flash=True),
    Setting(4, flash=False),
    Setting(4, unified=True, flash=True),
    Setting(1, flash=False, extra=("--cache-ram", "8192")),
)
QUICK = 2
CONVERSATIONS = 3
FOLLOWUPS = 5
DOCUMENT_TOKENS = 3_000
ANSWER_TOKENS = 32


@dataclass
class Conversation:
    """A document and what was said about it."""

    document: str
    said: list[tuple[str, str]] = field(default_factory=list)  #: question and answer


def run(bench: Bench) -> Iterator[Row]:
    """Beside the own cold start, and beside a warm slot of llama-server."""

    def work(peer: Peer, number: int) -> Timings:
        corpus = bench.corpus(f"followups-{number}")
        talks = [Conversation(corpus.text(DOCUMENT_TOKENS)) for _ in range(CONVERSATIONS)]
        firsts = [
            [_turn(peer, talk, corpus.question(asked)) for talk in talks]
            for asked in range(1 + FOLLOWUPS)
        ]
        warm = [first for asked in firsts[1:] for first in asked]
        return {"cold": median(firsts[0]), "warm": median(warm), "worst": max(warm)}

    compared = bench.compare(work, SETTINGS[: QUICK if bench.quick else None], ["warm"])
    name, _ = compared.best("warm")
    ours = compared.lectern
    shape = (
        f"{CONVERSATIONS} conversations on {DOCUMENT_TOKENS} tokens, {FOLLOWUPS} follow-ups each,"
        f" first token, medians"
    )
    yield Row(
        "followup_vs_cold",
        ours["warm"].middle / ours["cold"].middle,
        0.05,
        "lower",
        "Lectern's own cold start",
        f"{shape}; cold {ours['cold']}, follow-up {ours['warm']}, slowest {ours['worst']}",
    )
    yield Row(
        "followup_vs_warm_slot",
        compared.share("warm"),
        1.1,
        "lower",
        f"llama-server {name}",
        f"{shape}; {compared.detail('warm')}; its cold start {compared.servers[name]['cold']}",
    )


def _turn(peer: Peer, talk: Conversation, question: str) -> float:
    """Ask the next question; seconds to the first token."""
    turns = tuple(prompts.about(talk.document, question, talk.said))
    reply = ask(peer, Question(turns, ANSWER_TOKENS))
    talk.said.append((question, reply.text))
    return reply.first
