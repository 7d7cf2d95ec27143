"""The language model that jobs use: our engine, or any OpenAI-compatible server by one setting."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import SecretStr

from ingest.settings import settings as ingest_settings
from workers.chat_model import LecternChat
from workers.engine import library, numa, weights
from workers.engine.engine import Engine
from workers.engine.load import Speed
from workers.engine.profile import profile_for
from workers.models.admission import admit
from workers.settings import Settings, kv_folder, models_folder
from workers.states import Lane

SERVER_TIMEOUT_SECONDS = 600
#: A guess, for estimates: what they are multiplied with is learned from the jobs.
SERVER_SPEED = Speed(0.002, 0.02)
THOUGHT_TOKENS = 1_024
SMALL_PARAMETERS = 1_000_000_000
CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the text of an answer must be: JSON, told to our engine and to a server."""

    grammar: str  #: GBNF
    schema: Mapping[str, Any]  #: the same as a strict JSON schema


@dataclass(frozen=True, slots=True)
class Limits:
    """What one generation may cost, who may stop it, and what may be kept of it."""

    lane: Lane
    max_tokens: int
    cancelled: Callable[[], bool]
    sources: frozenset[str] = frozenset()  #: documents whose words are in the prompt
    durable: bool = False  #: the shared beginning will be asked for again, after a restart too
    shape: Shape | None = None  #: None: prose


@dataclass(frozen=True)
class Language:
    """A chat model with what planning needs to know about it."""

    chat: BaseChatModel
    fingerprint: str  #: part of every content key: other weights, other answers
    context_tokens: int
    count_tokens: Callable[[str], int]
    engine: Engine | None  #: None for a server
    small: bool  #: invents too freely to be believed without proof
    name: str = ""  #: for people
    composes: bool = False  #: joins passages from kept KV, which is approximate
    thought_tokens: int = 0  #: kept for what it thinks before it answers, beside `context_tokens`
    opens_thought: bool = False  #: does so without saying where it begins

    def speed(self) -> Speed:
        """What tokens take here; of a server nothing is known but what its jobs took."""
        return SERVER_SPEED if self.engine is None else self.engine.speed()

    def within(self, limits: Limits) -> Runnable[Any, BaseMessage]:
        """The chat model bound to `limits`; a server only understands length and shape."""
        max_tokens = limits.max_tokens + self.thought_tokens
        if self.engine is None:
            asked = _response_format(limits.shape) if limits.shape else {}
            return RunnableLambda(_plain) | self.chat.bind(max_tokens=max_tokens, **asked)
        # Figures repeat themselves: a penalty on that would change what is copied.
        shaped = {"grammar": limits.shape.grammar, "repeat_penalty": 1.0} if limits.shape else {}
        return self.chat.bind(
            lane=limits.lane,
            max_tokens=max_tokens,
            cancelled=limits.cancelled,
            sources=limits.sources,
            durable=limits.durable,
            compose=self.composes,
            **shaped,
        )


def _plain(prompt: PromptValue) -> list[BaseMessage]:
    """The messages with their text in one piece: not every server takes blocks and their marks."""
    return [
        message.model_copy(update={"content": str(message.text)})
        for message in prompt.to_messages()
    ]


def _response_format(shape: Shape) -> dict[str, Any]:
    """Not as a keyword of LangChain's, which would go through OpenAI's own parser."""
    named = {"name": "answer", "schema": dict(shape.schema), "strict": True}
    return {"extra_body": {"response_format": {"type": "json_schema", "json_schema": named}}}


def load(settings: Settings) -> Language:
    """Load what the settings name; may take seconds.

    Raises ModelMissing, ModelUnusable, ModelNotAllowed, MemoryTooSmall or LibraryUnusable.
    """
    if settings.llm_url:
        return _server(settings)
    library.check()
    library.quiet()
    data, source = ingest_settings().data, weights.source(settings.model)
    admit(source, settings)
    profile = profile_for(settings, source)
    path = weights.chosen(settings.model, models_folder(data), profile.weights)
    with numa.strict():
        engine = Engine(path, settings, profile, kv_folder(data))
    thought = THOUGHT_TOKENS if engine.thinks else 0
    return Language(
        chat=LecternChat(engine=engine, repeat_penalty=1.1),
        fingerprint=engine.model.fingerprint,
        context_tokens=engine.context_tokens - thought,
        count_tokens=engine.count_tokens,
        engine=engine,
        small=engine.model.parameters < SMALL_PARAMETERS,
        name=path.stem,
        composes=settings.compose == "on",
        thought_tokens=thought,
        opens_thought=engine.opens_thought,
    )


def _server(settings: Settings) -> Language:
    # Not ChatOpenAI: it asks for `max_completion_tokens`, which most servers but OpenAI's ignore.
    chat = BaseChatOpenAI(
        base_url=settings.llm_url,
        model=settings.llm_model,
        api_key=SecretStr(settings.llm_api_key or "none"),
        temperature=0,
        timeout=SERVER_TIMEOUT_SECONDS,
        stream_usage=True,
    )
    thought = THOUGHT_TOKENS if settings.thinking == "on" else 0
    return Language(
        chat=chat,
        fingerprint=f"{settings.llm_url}#{settings.llm_model}{'#small' * settings.llm_small}",
        context_tokens=settings.llm_context - thought,
        count_tokens=estimated_tokens,
        engine=None,
        small=settings.llm_small,
        name=settings.llm_model or settings.llm_url,
        thought_tokens=thought,
    )


def estimated_tokens(text: str) -> int:
    """An upper estimate for a server whose tokenizer we don't have.

    One and a half tokens per CJK character and two fifths of a token per other character are
    above what current vocabularies need for either language.
    """
    wide = len(CJK.findall(text))
    return math.ceil(1.5 * wide + 0.4 * (len(text) - wide))
