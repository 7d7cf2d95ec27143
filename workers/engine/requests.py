"""What is asked of the engine and what it answers, as values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from workers.jobs import Lane

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
    repeat_window: int = 64  #: tokens
    seed: int = 0
    grammar: str | None = None  #: GBNF with a `root` rule


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for the engine."""

    prompt: tuple[int, ...]  #: token ids
    max_tokens: int
    prefix_tokens: int = 0  #: leading tokens that other requests share, such as a system prompt
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    lane: Lane = Lane.INTERACTIVE
    cancelled: Callable[[], bool] = never  #: polled between decode steps


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, counted in the engine's own tokens and in seconds."""

    prompt_tokens: int
    cached_tokens: int  #: part of the prompt whose KV was already there
    completion_tokens: int
    queue_seconds: float
    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """How a request ended."""

    reason: FinishReason
    usage: Usage
