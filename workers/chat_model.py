"""The engine as a LangChain chat model, so that every chain is plain LCEL.

Tool calling is not offered: a model small enough for a CPU does not do it reliably. Structured
output is, by a grammar that llama.cpp enforces while it samples.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import ConfigDict, Field

from workers.engine.engine import Engine
from workers.engine.grammar import grammar_of
from workers.engine.requests import Finish, Request, Sampling, never
from workers.engine.template import Message
from workers.states import Lane
from workers.usage import rate

MINIMUM_ANSWER_TOKENS = 16


class LecternChat(BaseChatModel):
    """Chat over the in-process engine.

    Per call (`bind` or keyword): `lane`, `cancelled`, `max_tokens`, `temperature`, `seed`,
    `grammar`, `repeat_penalty`, `ignore_eos`, `durable`, `sources`, `compose`.

    Text blocks marked with `cache_control`, which stand first, are what other requests share, such
    as a document: the engine keeps their KV (with `durable` on disk too) and finds it again.
    With `compose`, which is approximate, it finds the second and later ones too.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    engine: Engine = Field(exclude=True)
    max_tokens: int | None = None  #: None: what the context leaves, at most 512
    temperature: float = 0.0
    repeat_penalty: float = 1.0
    seed: int = 0
    stop: list[str] | None = None
    lane: Lane = Lane.INTERACTIVE
    cancelled: Callable[[], bool] = Field(default=never, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "lectern"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.engine.model.name, "temperature": self.temperature}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_model_name"] = kwargs.get("model", self.engine.model.name)
        return params

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids by the model's own vocabulary."""
        return self.engine.model.tokens(text)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        answer = self.engine.generate(self._request(messages, stop, kwargs))
        text = "".join(answer)
        assert answer.finish is not None
        message = AIMessage(
            content=text,
            usage_metadata=_usage(answer.finish),
            response_metadata=self._metadata(answer.finish),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self.engine.generate(self._request(messages, stop, kwargs))
        for text in answer:
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk
        assert answer.finish is not None
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                usage_metadata=_usage(answer.finish),
                response_metadata=self._metadata(answer.finish),
                chunk_position="last",
            )
        )

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> Runnable[Any, Any]:
        """A chain whose answer is JSON of `schema`, enforced while sampling.

        Returns an instance for a pydantic class, otherwise a dict. `method` is accepted for
        compatibility; every method is the grammar.
        """
        parser: Any = JsonOutputParser()
        if isinstance(schema, type) and is_basemodel_subclass(schema):
            parser = PydanticOutputParser(pydantic_object=schema)
        described = convert_to_json_schema(schema)
        asked = RunnableLambda(self._convert_input) | RunnableLambda(
            lambda prompt: [SystemMessage(_describe(described)), *prompt.to_messages()]
        )
        traced = {"kwargs": {"method": "json_schema"}, "schema": described}
        raw = asked | self.bind(grammar=grammar_of(described), ls_structured_output_format=traced)
        plain: Runnable[Any, Any] = raw | parser
        if not include_raw:
            return plain
        parsed = RunnablePassthrough.assign(
            parsed=lambda out: parser.invoke(out["raw"]), parsing_error=lambda _: None
        )
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        both: Runnable[Any, Any] = RunnableMap(raw=raw) | parsed.with_fallbacks(
            [failed], exception_key="parsing_error"
        )
        return both

    def _request(
        self, messages: list[BaseMessage], stop: list[str] | None, given: dict[str, Any]
    ) -> Request:
        prompt = self.engine.prompt(list(_merged(messages)))
        left = self.engine.context_tokens - len(prompt.tokens)
        wanted = given.get("max_tokens") or self.max_tokens
        return Request(
            prompt=prompt.tokens,
            prefixes=prompt.prefixes,
            passages=prompt.passages if given.get("compose") else (),
            durable=given.get("durable", False),
            sources=given.get("sources", frozenset()),
            max_tokens=wanted or max(MINIMUM_ANSWER_TOKENS, min(512, left)),
            stop=tuple(stop or self.stop or ()),
            sampling=Sampling(
                temperature=given.get("temperature", self.temperature),
                repeat_penalty=given.get("repeat_penalty", self.repeat_penalty),
                ignore_eos=given.get("ignore_eos", False),
                seed=given.get("seed", self.seed),
                grammar=given.get("grammar"),
            ),
            lane=given.get("lane", self.lane),
            cancelled=given.get("cancelled", self.cancelled),
        )

    def _metadata(self, finish: Finish) -> dict[str, Any]:
        return {
            "model_name": self.engine.model.name,
            "finish_reason": finish.reason,
            **_timings(finish),
        }


def _usage(finish: Finish) -> UsageMetadata:
    usage = finish.usage
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details=InputTokenDetails(cache_read=usage.cached_tokens),
    )


def _timings(finish: Finish) -> dict[str, float]:
    """What it took, by the names of `workers.usage`. The first token counts as prefill's."""
    usage = finish.usage
    prefilled = usage.prompt_tokens - usage.cached_tokens
    return {
        "queue_ms": round(1e3 * usage.queue_seconds),
        "prefill_ms": round(1e3 * usage.prefill_seconds),
        "decode_ms": round(1e3 * usage.decode_seconds),
        "prefill_tokens_per_second": rate(prefilled, usage.prefill_seconds),
        "decode_tokens_per_second": rate(usage.completion_tokens - 1, usage.decode_seconds),
    }


def _describe(schema: dict[str, Any]) -> str:
    return f"Answer with one JSON object of this schema: {json.dumps(schema, ensure_ascii=False)}"


def _merged(messages: Sequence[BaseMessage]) -> Iterator[Message]:
    """Messages for the template: templates want roles to alternate, so equal ones are joined."""
    for role, group in groupby(messages, _role):
        first, *others = group
        shared, content = _blocks(first)
        yield Message(role, "\n\n".join([content, *(one.text for one in others)]), shared)


def _blocks(message: BaseMessage) -> tuple[tuple[str, ...], str]:
    """The text of a message: what stands first and is marked as shared, and the rest."""
    if isinstance(message.content, str):
        return (), message.content
    marked: Iterator[Any] = takewhile(_is_shared, message.content)
    shared = tuple(str(block["text"]) for block in marked)
    return shared, message.text[sum(map(len, shared)) :]


def _is_shared(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and "cache_control" in block


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage | ToolMessage):
        return "user"
    return "assistant" if isinstance(message, AIMessage) else "user"
