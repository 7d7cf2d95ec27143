"""What is measured: anything that answers a chat piece by piece."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat."""

    role: str  #: system, user or assistant
    content: str
    #: What stands before `content` in other requests too, such as a document or some passages.
    shared: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole message, for peers that know nothing of shared beginnings."""
        return "".join(self.shared) + self.content


class Peer(Protocol):
    """A way to run a model. `chat` may be called from several threads at once."""

    @property
    def name(self) -> str:
        """What the tables call it, with its settings."""

    def chat(
        self, turns: Sequence[Turn], max_tokens: int, *, background: bool = False
    ) -> Iterator[str]:
        """Answer greedily with exactly `max_tokens` tokens, text as it comes.

        `background` says that nobody waits for it; most peers can't use that.
        """

    def cpu_seconds(self) -> float:
        """CPU time it has used so far, to see that it is idle while another is measured."""

    def close(self) -> None:
        """End it and free its memory."""
