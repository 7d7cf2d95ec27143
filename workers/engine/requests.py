"""What is asked of the engine and what it answers, as values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from workers.states import Lane

FinishReason = Literal["stop", "length", "cancelled"]


def never() -> bool:
    """A request that nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The default is greedy: summaries should be repeatable."""

    temperature: float = 0.0  #: 0 chooses the likeliest token
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0  #: 1 is off; divides the logits of recent tokens
    repeat_window: int = 64  #: tokens that penalties look back
    frequency_penalty: float = 0.0  #: subtracted from a token's logit for each time it came
    presence_penalty: float = 0.0  #: subtracted once it came
    logit_bias: tuple[tuple[int, float], ...] = ()  #: token id, what is added to its logit
    ignore_eos: bool = False  #: goes on to `max_tokens`, for measurements of equal length
    seed: int = 0
    grammar: str | None = None  #: GBNF with a `root` rule


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for the engine."""

    prompt: tuple[int, ...]  #: token ids
    max_tokens: int  #: 0 computes the prompt and keeps its prefixes, for requests to come
    prefixes: tuple[int, ...] = ()  #: lengths of beginnings that other requests share, ascending
    #: Further parts others share (begin, end), put together from kept states: approximate.
    passages: tuple[tuple[int, int], ...] = ()
    durable: bool = False  #: the longest of them is worth its place on the disk
    sources: frozenset[str] = frozenset()  #: documents the prompt holds words of; goes with them
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    lane: Lane = Lane.INTERACTIVE
    cancelled: Callable[[], bool] = never  #: polled between decode steps

    def alone(self, passage: tuple[int, int]) -> tuple[int, ...]:
        """The tokens of one passage right behind the first prefix, the system message."""
        begin, end = passage
        return self.prompt[: self.prefixes[0]] + self.prompt[begin:end]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, counted in the engine's own tokens and in seconds."""

    prompt_tokens: int
    cached_tokens: int  #: part of the prompt whose KV was already there
    completion_tokens: int
    queue_seconds: float
    prefill_seconds: float
    decode_seconds: float
    composed_tokens: int = 0  #: of the cached ones, those joined from passages: approximate


@dataclass(frozen=True, slots=True)
class Finish:
    """How a request ended."""

    reason: FinishReason
    usage: Usage
