"""Running a chain for a step: streamed, sanitised, cancellable, with its cost."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import openai
from langchain_core.messages import AIMessageChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_openai.chat_models.base import OpenAIContextOverflowError

from workers import usage
from workers.errors import LanguageModelUnavailable, ServerPromptTooLong
from workers.language import Limits
from workers.sanitiser import Sanitiser, clean
from workers.sentences import whole_sentences
from workers.thinking import Thinking
from workers.work import Work


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote and what it cost."""

    text: str
    thought: str  #: what a reasoning model thought before
    thinking_tokens: int  #: of it
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    first_token_ms: int
    total_ms: int
    timings: Mapping[str, float]  #: by the names of `usage.TIMINGS`, as far as they are known
    complete: bool  #: the model ended by itself

    def usage(self) -> dict[str, float]:
        """The tokens and what they took, as the REST interface shows them."""
        tokens = {
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "thinking_tokens": self.thinking_tokens,
        }
        return usage.total([{**tokens, **self.timings}])


def ignore(_text: str) -> None:
    """For text that nobody watches being written."""


def write(
    work: Work,
    prompt: ChatPromptTemplate,
    given: dict[str, Any],
    limits: Limits,
    heard: Callable[[str], None] = ignore,
) -> Written:
    """Run `prompt | model` and return its text; `heard` gets each piece as it comes.

    Text that has a shape is returned as the model wrote it: who reads it cleans what is in it.
    Raises Cancelled, PromptTooLong, EngineStopped or LanguageModelUnavailable.
    """
    chain: Runnable[dict[str, Any], Any] = prompt | work.tools.language.within(limits)
    began, first = time.monotonic(), 0.0
    thinking = Thinking(opened=work.tools.language.opens_thought and limits.shape is None)
    sanitiser = Sanitiser() if limits.shape is None else _Untouched()
    pieces = list[str]()
    whole: AIMessageChunk | None = None
    try:
        for chunk in chain.stream(given):
            work.check()
            whole = chunk if whole is None else whole + chunk
            said = thinking.push(chunk.text)
            first = first or (time.monotonic() if said else 0.0)
            _pass_on(sanitiser.push(said), pieces, heard)
    except OpenAIContextOverflowError as error:
        raise ServerPromptTooLong from error
    except openai.OpenAIError as error:
        raise LanguageModelUnavailable(url=_server(work), reason=error) from error
    work.check()
    if whole is None or not whole.response_metadata.get("finish_reason"):
        raise LanguageModelUnavailable(url=_server(work), reason="its answer broke off")
    _pass_on(sanitiser.push(thinking.finish()) + sanitiser.finish(), pieces, heard)
    text = "".join(pieces).strip()
    if limits.shape is None and not _complete(whole):
        text = whole_sentences(text)
    thought = clean(thinking.thought)
    thinking_tokens = work.tools.language.count_tokens(thought) if thought else 0
    return replace(
        _written(text, whole, began, first), thought=thought, thinking_tokens=thinking_tokens
    )


class _Untouched:
    """In the place of a sanitiser, which could end a JSON string too early or too late."""

    def push(self, text: str) -> str:
        return text

    def finish(self) -> str:
        return ""


def _complete(whole: AIMessageChunk) -> bool:
    return bool(whole.response_metadata["finish_reason"] != "length")


def _server(work: Work) -> str:
    return str(getattr(work.tools.language.chat, "openai_api_base", "engine"))


def _pass_on(text: str, pieces: list[str], heard: Callable[[str], None]) -> None:
    if text:
        pieces.append(text)
        heard(text)


def _written(text: str, whole: AIMessageChunk, began: float, first: float) -> Written:
    counted, told = whole.usage_metadata, whole.response_metadata
    details = counted.get("input_token_details", {}) if counted else {}
    ended = time.monotonic()
    return Written(
        text=text,
        thought="",
        thinking_tokens=0,
        prompt_tokens=counted["input_tokens"] if counted else 0,
        cached_tokens=details.get("cache_read", 0) or 0,
        completion_tokens=counted["output_tokens"] if counted else 0,
        first_token_ms=round(1e3 * ((first or ended) - began)),
        total_ms=round(1e3 * (ended - began)),
        timings={name: told[name] for name in usage.TIMINGS if name in told},
        complete=_complete(whole),
    )
