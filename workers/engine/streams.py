"""The KV streams of all slots, in one context or in two over the same weights.

With flash attention long prompts are read faster here, without it few rows are decoded faster
(measured; see docs/decisions/0023-kernels.md). Where that is so, the background's streams and those
kept for people have a context each, with what suits them. To the outside all states look as the
people's do; those of the background are turned round on their way in and out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ingest.openmp import send_threads_away
from workers.engine import compose
from workers.engine.compose import NotJoinable
from workers.engine.context import Context, Row


class Streams:
    """Numbered from 0: the background's, then the people's. Only the scheduler may use them."""

    def __init__(self, contexts: Sequence[Context]) -> None:
        """One context for all, or the background's and the people's."""
        self._contexts = tuple(contexts)
        self._places = [
            (context, number) for context in contexts for number in range(context.shape.sequences)
        ]
        self._first_rows: dict[Context, int] = {}  #: of the latest decode

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._places)

    @property
    def batch_tokens(self) -> int:
        """Rows of one decode, at most."""
        return self._contexts[0].shape.batch_tokens

    def close(self) -> None:
        """Free the contexts; harmless when repeated."""
        for context in self._contexts:
            context.close()

    def exchange_states(self) -> bool:
        """Whether a state of one context is understood by the other; empties the first streams."""
        if len(self._contexts) == 1:
            return True
        theirs = self._contexts[0].shape.sequences
        self.decode([Row(0, 0, 0, False)])
        try:
            return self.load(theirs, self.save(0)) and self.load(0, self.save(theirs))
        except NotJoinable:
            return False
        finally:
            self.trim(0, 0)
            self.trim(theirs, 0)
            send_threads_away()  # who loads the model does not go on to compute

    def decode(self, rows: Sequence[Row]) -> bool:
        """Compute rows in the order of their streams; see Context.decode."""
        done, first = 0, 0
        for context in self._contexts:
            streams = context.shape.sequences
            own = [row for row in rows[done:] if row.sequence < first + streams]
            local = [replace(row, sequence=row.sequence - first) for row in own] if first else own
            self._first_rows[context] = done
            if own and not context.decode(local):
                return False
            done, first = done + len(own), first + streams
        return True

    def logits(self, stream: int, row: int) -> tuple[Any, int]:
        """The context that holds the logits of a row of the latest decode, and where in it."""
        context, _ = self._places[stream]
        return context.handle, row - self._first_rows[context]

    def interrupt(self) -> None:
        """Stop the decode in progress, and each later one until `go_on`; from any thread."""
        for context in self._contexts:
            context.interrupt()

    def go_on(self) -> None:
        """Take an interruption back."""
        for context in self._contexts:
            context.go_on()

    def length(self, stream: int) -> int:
        """How many tokens of a stream are there."""
        context, number = self._places[stream]
        return context.length(number)

    def trim(self, stream: int, length: int) -> bool:
        """Forget what stands behind `length` tokens; false when the model's memory can't."""
        context, number = self._places[stream]
        return context.trim(number, length)

    def copy(self, source: int, target: int) -> bool:
        """Make `target` hold what `source` holds; false when llama.cpp refuses."""
        return self.load(target, self.save(source))

    def save(self, stream: int) -> Any:
        """The KV state of a stream: uint8, one dimension."""
        context, number = self._places[stream]
        return _turned(context.save(number), context, self._contexts[-1])

    def load(self, stream: int, state: Any) -> bool:
        """Replace a stream by a saved state; false when llama.cpp refuses it."""
        context, number = self._places[stream]
        return context.load(number, _turned(state, self._contexts[-1], context))


def _turned(state: Any, source: Context, target: Context) -> Any:
    """A state of one context as the other understands it."""
    if source is target:
        return state
    shape = target.shape
    return compose.turned(state, shape.sequences, transposed=not shape.flash_attention)
