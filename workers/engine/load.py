"""What an engine has done and is doing, as a value for metrics and the idle."""

from dataclasses import dataclass


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
