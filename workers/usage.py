"""What generations cost, as the REST interface shows it: tokens, milliseconds and rates."""

from collections.abc import Iterable, Mapping

SUMMED = (
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "thinking_tokens",
    "queue_ms",
    "prefill_ms",
    "decode_ms",
)
#: Each rate, and the time for which it held.
RATES = {
    "prefill_tokens_per_second": "prefill_ms",
    "decode_tokens_per_second": "decode_ms",
}
#: Of them, what only our own engine tells.
TIMINGS = ("queue_ms", "prefill_ms", "decode_ms", *RATES)


def total(usages: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum of several; 0 where nothing was computed, or a server did not say.

    Rates are means over the time for which they held.
    """
    held = list(usages)
    summed = {name: sum(one.get(name, 0) for one in held) for name in SUMMED}
    return summed | {rate: _mean(held, rate, over) for rate, over in RATES.items()}


def rate(tokens: int, seconds: float) -> float:
    """Tokens per second, to a tenth; 0 when there were none."""
    return round(tokens / seconds, 1) if tokens > 0 and seconds > 0 else 0.0


def _mean(held: list[Mapping[str, float]], name: str, over: str) -> float:
    time = sum(one.get(over, 0) for one in held)
    return round(sum(one.get(name, 0) * one.get(over, 0) for one in held) / time, 1) if time else 0
