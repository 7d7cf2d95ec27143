"""Four people ask about one document at once.

Lectern computes the document once for all four. Two rows begin with a document nobody has asked
about; a third with one that was read before, as in an installation at work.
"""

from collections.abc import Iterator

from benchmarks import prompts
from benchmarks.bench import Bench, Comparison, Timings
from benchmarks.clock import Question, all_begun, ask_together, makespan
from benchmarks.figures import Row, Sample
from benchmarks.peer import Peer
from benchmarks.servers import Setting

SETTINGS = (
    Setting(4, flash=True),
    Setting(4, flash=False),
    Setting(1, flash=False),  # one after the other, but each finds the document in the slot
    Setting(4, unified=True, flash=True),
    Setting(1, flash=True),
)
QUICK = 3
USERS = 4
DOCUMENT_TOKENS, QUICK_TOKENS = 3_000, 2_000
ANSWER_TOKENS = 32
TARGET = 3.0


def run(bench: Bench) -> Iterator[Row]:
    """Until all answers have begun, until all have ended, and with a document read before."""

    def work(peer: Peer, number: int) -> Timings:
        replies = ask_together(peer, _questions(bench, f"users-{number}"))
        return {"begun": all_begun(replies), "ended": makespan(replies)}

    settings = SETTINGS[: QUICK if bench.quick else None]
    compared = bench.compare(work, settings, ["begun", "ended"])
    rows = (
        ("four_users", "begun", compared.lectern["begun"]),
        ("four_users_answers", "ended", compared.lectern["ended"]),
        ("four_users_read_before", "begun", _read_before(bench)),
    )
    for name, metric, ours in rows:
        yield _row(name, compared, metric, ours, _tokens(bench))


def _row(name: str, compared: Comparison, metric: str, ours: Sample, tokens: int) -> Row:
    setting, best = compared.best(metric)
    others = ", ".join(f"{one}: {times[metric]:.3g} s" for one, times in compared.tried.items())
    until = "until all answers have begun" if metric == "begun" else "until all answers have ended"
    return Row(
        name,
        best.middle / ours.middle,
        TARGET,
        "higher",
        f"llama-server {setting}",
        f"{USERS} users, one document of {tokens} tokens, {ANSWER_TOKENS} written for"
        f" each; {until}: Lectern {ours}, server {best}; tried {others}",
    )


def _read_before(bench: Bench) -> Sample:
    times = []
    with bench.lectern() as lectern:
        for number in range(bench.size(3, 2)):
            questions = _questions(bench, f"users-before-{number}")
            lectern.warm(questions[0].turns)
            times.append(all_begun(ask_together(lectern, questions)))
    return Sample(tuple(times))


def _tokens(bench: Bench) -> int:
    return bench.size(DOCUMENT_TOKENS, QUICK_TOKENS)


def _questions(bench: Bench, seed: str) -> list[Question]:
    corpus = bench.corpus(seed)
    document = corpus.text(_tokens(bench))
    return [
        Question(tuple(prompts.about(document, corpus.question(user))), ANSWER_TOKENS)
        for user in range(USERS)
    ]
