"""The costs of a model on this machine, measured in a minute or two."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from benchmarks.simulation.costs import CELLS, Costs, Point, fitted
from ingest.openmp import send_threads_away
from workers.engine.context import Context, Row, Shape
from workers.engine.model import Model
from workers.engine.profile import Profile
from workers.settings import Settings

PROMPT_ROWS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
ANSWER_SEQUENCES = (1, 2, 4, 8)
DEPTHS = (0, 500, 1_000, 1_500)  #: tokens before the measured rows
REPEATS = 4
TOKEN = 1_000  #: any ordinary one


def calibrated(model: Model, shape: Shape, name: str) -> Costs:
    """Measure ubatches of prompts and answers at several depths, over KV of `shape`."""
    with closing(Context(model, shape)) as context:
        desk = _Desk(context)
        answers = list(desk.answers())
        prompts = list(desk.prompts())
        restore = desk.restore()
    send_threads_away()  # they would slow down the engine that is looked at next
    one = [point for point in answers if point.rows == 1]
    return Costs(
        name=name,
        prompts=fitted([*one, *prompts]),
        answers=fitted(answers),
        ubatch=min(shape.ubatch_tokens, shape.batch_tokens),
        restore=restore,
        detail={
            "threads": shape.threads,
            "prefill_threads": shape.prefill_threads,
            "flash_attention": shape.flash_attention,
            "sequences": shape.sequences,
        },
    )


class _Desk:
    """Sequences of a context filled to a depth, again and again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._streams = context.shape.sequences

    def answers(self) -> Iterator[Point]:
        """One row of each of several sequences."""
        for depth in DEPTHS:
            self._fill(0, depth)
            for sequence in range(1, self._streams):
                self._context.copy(0, sequence)
            for count in (n for n in ANSWER_SEQUENCES if n <= self._streams):
                rows = [Row(TOKEN, depth, sequence, True) for sequence in range(count)]
                yield Point(count, _cells(depth + 1), self._timed(rows, depth))

    def prompts(self) -> Iterator[Point]:
        """Several rows of one sequence."""
        for depth in DEPTHS:
            self._fill(0, depth)
            for count in (n for n in PROMPT_ROWS if n <= self._context.shape.ubatch_tokens):
                rows = [Row(TOKEN, depth + n, 0, n == count - 1) for n in range(count)]
                yield Point(count, _cells(depth + count), self._timed(rows, depth))

    def restore(self) -> float:
        """Seconds a token to load a kept state."""
        self._fill(0, DEPTHS[-1])
        state = self._context.save(0)
        return _quickest(lambda: self._context.load(0, state)) / DEPTHS[-1]

    def _fill(self, sequence: int, depth: int) -> None:
        self._context.trim(sequence, 0)
        step = self._context.shape.batch_tokens
        for begin in range(0, depth, step):
            end = min(begin + step, depth)
            rows = [Row(TOKEN + n % 97, n, sequence, False) for n in range(begin, end)]
            self._context.decode(rows)

    def _timed(self, rows: list[Row], depth: int) -> float:
        def run() -> None:
            self._context.decode(rows)

        def clear() -> None:
            for sequence in {row.sequence for row in rows}:
                self._context.trim(sequence, depth)

        return _quickest(run, clear)


def _quickest(run: Callable[[], object], clear: Callable[[], object] = gc.collect) -> float:
    """Seconds of `run`, once unmeasured and then several times; `clear` after each.

    The quickest counts: whatever else runs on the machine only adds.
    """
    took = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
        clear()
    return min(took[1:])


def _cells(length: int) -> int:
    return -(-length // CELLS) * CELLS


def shape_of(settings: Settings, profile: Profile) -> Shape:
    """The context that the engine would make of these."""
    return Shape(
        sequences=settings.batch_slots + settings.interactive_slots,
        context_tokens=settings.context,
        batch_tokens=profile.step_tokens,
        ubatch_tokens=profile.ubatch_tokens,
        threads=profile.threads,
        prefill_threads=profile.prefill_threads,
        flash_attention=profile.flash_attention,
        kv_type=profile.kv_type,
    )
