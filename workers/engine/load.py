"""What an engine has done and is doing, for metrics and for who waits until it is idle."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What has been done since the start; the scheduler counts."""

    steps: int = 0
    busy_seconds: float = 0.0
    idle_seconds: float = 0.0
    prefill_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    preemptions: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """Totals since the start, and the sequences of this moment."""

    steps: int
    busy_seconds: float  #: spent in decodes
    idle_seconds: float  #: without anything to do
    prefill_tokens: int  #: computed
    cached_tokens: int  #: found
    written_tokens: int
    drafted_tokens: int  #: proposed by prompt lookup
    accepted_tokens: int  #: of them, what the model would have said
    preemptions: int  #: background steps that a person interrupted
    interactive: int
    background: int
    waiting: int
    slots: int
    prefix_hits: int
    prefix_bytes: int
    disk_bytes: int
