"""Lectern's engine behind LecternChat as a peer, with the product's default settings and profile.

The only module here that knows the engine's interface.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from benchmarks import models
from benchmarks.peer import Turn
from workers.chat_model import LecternChat
from workers.engine import library, weights
from workers.engine.engine import Engine
from workers.engine.profile import profile_for
from workers.engine.requests import Request
from workers.engine.template import Message
from workers.settings import Settings
from workers.states import Lane

KINDS: dict[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}
Metadata = dict[str, Any]


class Lectern:
    """The engine of one worker."""

    name = "Lectern"

    def __init__(self, model: Path, folder: Path, *, compose: bool = False, **changed: Any) -> None:
        """Load; states of prefixes are kept in `folder`.

        With `compose` evidence is joined from passages that were read apart: approximate.
        """
        library.quiet()
        settings = Settings(**changed)
        source = model if model != models.lectern() else weights.source(settings.model)
        self._engine = Engine(model, settings, profile_for(settings, source), folder)
        self._chat = LecternChat(engine=self._engine)
        self._compose = compose
        self.answers: list[Metadata] = []  #: tokens and times of every answer, by the engine

    def chat(
        self, turns: Sequence[Turn], max_tokens: int, *, background: bool = False
    ) -> Iterator[str]:
        """See Peer."""
        asked = self._chat.stream(
            [_message(turn) for turn in self._ordered(turns)],
            max_tokens=max_tokens,
            ignore_eos=True,
            compose=self._compose,
            lane=Lane.BATCH if background else Lane.INTERACTIVE,
        )
        for chunk in asked:
            if chunk.response_metadata:
                self.answers.append({**chunk.response_metadata, **(chunk.usage_metadata or {})})
            yield str(chunk.content)

    def warm(self, turns: Sequence[Turn]) -> None:
        """Compute what `turns` share with others, as is done in idle time when a file was read.

        That is up to the end of the first shared part of a message, or of the system message.
        """
        prompt = self._engine.prompt([_engine_message(turn) for turn in turns])
        shared = prompt.prefixes[-1]
        asked = Request(
            prompt=prompt.tokens[:shared],
            prefixes=prompt.prefixes,
            max_tokens=0,
            durable=True,
            lane=Lane.BATCH,
        )
        for _ in self._engine.generate(asked):
            pass

    def _ordered(self, turns: Sequence[Turn]) -> list[Turn]:
        """With the passages of the question in the order that finds most of them computed."""
        *before, last = turns
        if len(last.shared) < 2:
            return list(turns)
        order = self._engine.cheapest_order([_engine_message(turn) for turn in turns])
        return [*before, replace(last, shared=tuple(last.shared[each] for each in order))]

    @property
    def kept_bytes(self) -> int:
        """What the kept states of prefixes take in RAM."""
        return self._engine.load().prefix_bytes

    def cpu_seconds(self) -> float:
        """See Peer. The engine lives in this process."""
        return time.process_time()

    def close(self) -> None:
        """See Peer."""
        self._engine.close()


def _engine_message(turn: Turn) -> Message:
    return Message(turn.role, turn.content, turn.shared)


def _message(turn: Turn) -> BaseMessage:
    marked = [
        {"type": "text", "text": part, "cache_control": {"type": "ephemeral"}}
        for part in turn.shared
    ]
    content: Any = [*marked, {"type": "text", "text": turn.content}] if marked else turn.content
    return KINDS[turn.role](content)
