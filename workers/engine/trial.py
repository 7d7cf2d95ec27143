"""`python -m workers.engine.trial FILE REPACK MMAP GPU_LAYERS`: times one model in its own process.

A kernel that crashes, or a library that has been told another wait policy, then concerns nobody
else. Orders come as JSON lines on standard input; figures in seconds leave on standard output.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from ingest.compute import compute
from ingest.errors import LecternError
from workers.engine import devices, library
from workers.engine.context import Context, Row, Shape
from workers.engine.model import Model

SEQUENCES = 8
MOST_ROWS = 24
#: A decode is timed until so many seconds are over, but so often at least and at most.
ENOUGH_SECONDS, FEWEST, MOST = 0.3, 3, 12
#: What a workload decodes: sequences, rows of each, and of them those whose logits are wanted.
DECODES = {
    "decode1": (1, 1, 1),
    "rows2": (1, 2, 2),
    "rows4": (1, 4, 4),
    "rows8": (1, 8, 8),
    "question": (1, MOST_ROWS, 1),
    "decode8": (SEQUENCES, 1, 1),
    "decode8x2": (SEQUENCES, 2, 2),
    "decode8x4": (SEQUENCES, 4, 4),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What to time, and with which knobs."""

    threads: int
    prefill_threads: int
    batch_tokens: int
    ubatch_tokens: int
    flash_attention: bool
    kv_type: str
    workloads: tuple[str, ...]
    depth: int  #: tokens that lie before what is prefilled
    prompt: int  #: tokens that are prefilled

    @property
    def filled(self) -> int:
        """Tokens that lie before what is decoded."""
        return self.depth + self.prompt

    @property
    def shape(self) -> Shape:
        """The context to time it in."""
        return Shape(
            sequences=SEQUENCES,
            context_tokens=-(-(self.filled + MOST_ROWS) // 256) * 256,
            batch_tokens=max(self.batch_tokens, self.ubatch_tokens),
            ubatch_tokens=self.ubatch_tokens,
            threads=self.threads,
            prefill_threads=self.prefill_threads,
            flash_attention=self.flash_attention,
            kv_type=self.kv_type,
        )


class Bench:
    """One loaded model with the context that was used last."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._context: Context | None = None
        self._states: dict[Any, Any] = {}

    def run(self, order: Order) -> dict[str, float]:
        """Seconds per token of the prefill, per decode of the others."""
        context = self._opened(order.shape)
        figures = {}
        if "prefill" in order.workloads:
            self._fill(context, order, order.depth)
            figures["prefill"] = self._prefill(context, order) / order.prompt
        if any(name in DECODES for name in order.workloads):
            self._fill(context, order, order.filled)
        for sequence in range(1, SEQUENCES):
            context.copy(0, sequence)
        for name in order.workloads:
            if name in DECODES:
                figures[name] = _timed(context, order.filled, *DECODES[name])
        return figures

    def _opened(self, shape: Shape) -> Context:
        if self._context is None or self._context.shape != shape:
            if self._context is not None:
                self._context.close()
            self._context = Context(self._model, shape)
        return self._context

    def _fill(self, context: Context, order: Order, length: int) -> None:
        """Make sequence 0 hold `length` tokens: computed once, copied in afterwards."""
        state = self._states.get((length, order.flash_attention, order.kv_type))
        if state is not None:
            context.load(0, state)
        elif length > order.depth:
            self._fill(context, order, order.depth)
            self._prefill(context, order)
        else:
            context.trim(0, 0)
            self._compute(context, order, 0, length)

    def _prefill(self, context: Context, order: Order) -> float:
        """Seconds that the prompt takes behind what lies before it."""
        return self._compute(context, order, order.depth, order.filled)

    def _compute(self, context: Context, order: Order, begin: int, end: int) -> float:
        with compute.turn():
            began = time.perf_counter()
            _prefill(context, begin, end, self._model.vocab_size)
            seconds = time.perf_counter() - began
        key = (end, order.flash_attention, order.kv_type)
        if key not in self._states:
            self._states[key] = context.save(0)
        return seconds


def _prefill(context: Context, begin: int, end: int, vocabulary: int) -> None:
    """Decode made tokens at the positions from `begin` to `end`."""
    rows = [
        Row(place * 7919 % vocabulary, place, 0, place == end - 1) for place in range(begin, end)
    ]
    size = context.shape.batch_tokens
    for first in range(0, len(rows), size):
        context.decode(rows[first : first + size])


def _timed(context: Context, filled: int, sequences: int, rows: int, wanted: int) -> float:
    """The middle of the seconds that several decodes take, after one that is not counted."""
    made = [
        Row(place + 1, filled + place, sequence, place >= rows - wanted)
        for sequence in range(sequences)
        for place in range(rows)
    ]

    def decode() -> None:
        context.decode(made)
        for sequence in range(sequences):
            context.trim(sequence, filled)

    with compute.turn():
        decode()
        return statistics.median(list(_seconds(decode)))


def _seconds(work: Callable[[], None]) -> Iterator[float]:
    began = time.perf_counter()
    for times in count(1):
        before = time.perf_counter()
        work()
        now = time.perf_counter()
        yield now - before
        if times >= MOST or (times >= FEWEST and now - began > ENOUGH_SECONDS):
            return


def main() -> None:
    """Obey until standard input ends."""
    library.quiet()
    path, repack, mmap, layers = sys.argv[1:]
    model = Model(
        Path(path),
        repack=repack == "on",
        mmap=mmap == "on",
        away=devices.offloaded(int(layers)),
    )
    bench = Bench(model)
    for line in sys.stdin:
        told = json.loads(line)
        order = Order(**{**told, "workloads": tuple(told["workloads"])})
        try:
            answer: dict[str, Any] = bench.run(order)
        except LecternError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
