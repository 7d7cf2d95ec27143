"""What an engine has done and is doing, for metrics and for who waits until it is idle."""

from dataclasses import dataclass

from workers.engine.policy import Share

#: Weight of the latest step in the measured seconds a token.
FRESH = 0.2
#: Steps of such size, near the beginning of a prompt, are as fast as what the tuner measured.
COMPARABLE_ROWS, COMPARABLE_END = 256, 1024


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
    comparable_tokens: int = 0
    comparable_seconds: float = 0.0
    seconds_per_token: float = 0.01  #: of a prompt; a guess until something was computed
    seconds_per_written: float = 0.0  #: of the background's texts; 0 until some were written

    def add(self, shares: tuple[Share, ...], seconds: float) -> None:
        """Count a step that has been computed, before its tokens are known to its sequences."""
        prompts = [share for share in shares if share.sequence.prefilling]
        rows = sum(len(share.tokens) for share in prompts)
        self.steps += 1
        self.busy_seconds += seconds
        self.prefill_tokens += rows
        if not rows and not any(share.sequence.interactive for share in shares):
            each, before = seconds / len(shares), self.seconds_per_written
            self.seconds_per_written += (FRESH if before else 1) * (each - before)
        if not rows or len(prompts) < len(shares):
            return
        self.seconds_per_token += FRESH * (seconds / rows - self.seconds_per_token)
        furthest = max(len(share.sequence.tokens) + len(share.tokens) for share in prompts)
        if rows >= COMPARABLE_ROWS and furthest <= COMPARABLE_END:
            self.comparable_tokens += rows
            self.comparable_seconds += seconds

    def judge_draft(self, guessed: int, accepted: int) -> None:
        """Count guesses, and those the model would have said."""
        self.drafted_tokens += guessed
        self.accepted_tokens += accepted


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that a token takes."""

    prompt_seconds: float  #: read
    written_seconds: float  #: of all that are written at the same time, each


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
    preemptions: int  #: steps that a person or a cancellation interrupted
    comparable_tokens: int  #: of prompts, in steps such as the tuner measured
    comparable_seconds: float  #: spent in those steps
    seconds_per_token: float  #: of a prompt, lately
    seconds_per_written: float  #: of the background's texts, lately
    interactive: int
    background: int
    waiting: int
    slots: int
    prefix_hits: int
    prefix_bytes: int
    disk_bytes: int
