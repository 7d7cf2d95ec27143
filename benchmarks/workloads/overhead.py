"""What the scheduler itself costs: the share of a busy engine's time outside llama.cpp's decode.

Counted as overhead is everything else: planning, filling the batch, sampling, text, hand-over.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as llama

from benchmarks import prompts
from benchmarks.bench import Bench
from benchmarks.clock import Question, ask_together
from benchmarks.figures import Row

TARGET = 0.02
PROMPT_TOKENS = 300
SEQUENCES = 4


@dataclass
class Spent:
    """Time inside one C function, from its first call's begin to its last call's end."""

    calls: int = 0
    seconds: float = 0.0
    began: float = 0.0
    ended: float = 0.0


def run(bench: Bench) -> Iterator[Row]:
    """The share over a run of prefill and decode together."""
    corpus = bench.corpus("overhead")
    questions = [
        Question(prompts.section(corpus.text(PROMPT_TOKENS)), bench.size(400, 120), True)
        for _ in range(SEQUENCES)
    ]
    with bench.lectern() as lectern, watched("llama_decode") as decode:
        ask_together(lectern, questions)
    busy = decode.ended - decode.began
    outside = busy - decode.seconds
    yield Row(
        "scheduler_overhead",
        outside / busy,
        TARGET,
        "lower",
        "llama_decode's own time",
        f"{SEQUENCES} sequences, {decode.calls} steps of {1e3 * busy / decode.calls:.3g} ms,"
        f" of which {1e3 * outside / decode.calls:.3g} ms outside llama_decode",
    )


@contextmanager
def watched(name: str) -> Iterator[Spent]:
    """Time the calls of a function of llama.cpp; costs under a microsecond each."""
    spent = Spent()
    real: Callable[..., Any] = getattr(llama, name)

    def timed(*given: Any) -> Any:
        began = time.perf_counter()
        try:
            return real(*given)
        finally:
            spent.ended = time.perf_counter()
            spent.began = spent.began or began
            spent.seconds += spent.ended - began
            spent.calls += 1

    setattr(llama, name, timed)
    try:
        yield spent
    finally:
        setattr(llama, name, real)
