"""What LangChain's own suites do not ask of the chat model."""

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, Field

from workers import usage
from workers.chat_model import LecternChat, _merged
from workers.engine.engine import Engine
from workers.engine.grammar import GrammarRefused
from workers.engine.requests import Request
from workers.engine.template import Message
from workers.errors import PromptTooLong
from workers.states import Lane

pytestmark = pytest.mark.model


@pytest.fixture
def chat(engine: Engine) -> LecternChat:
    return LecternChat(engine=engine, max_tokens=8)


class Place(BaseModel):
    """A place in a document."""

    page: int = Field(ge=1, le=9)
    kind: str = Field(pattern="^(table|text)$")


class Found(BaseModel):
    """What was found."""

    sure: bool
    places: list[Place] = Field(max_length=2)


def test_structured_output_is_what_the_schema_says(engine: Engine) -> None:
    chat = LecternChat(engine=engine, max_tokens=120)
    found = chat.with_structured_output(Found).invoke("Where is the revenue? On page 3, a table.")
    assert isinstance(found, Found)
    both = chat.with_structured_output(Found.model_json_schema(), include_raw=True).invoke("Where?")
    assert json.loads(both["raw"].text) == both["parsed"]
    assert both["parsing_error"] is None


def test_an_answer_cut_short_is_a_parsing_error(engine: Engine) -> None:
    chat = LecternChat(engine=engine, max_tokens=2)
    both = chat.with_structured_output(Found, include_raw=True).invoke("Where?")
    assert both["parsed"] is None
    assert both["parsing_error"] is not None


def test_streams_with_usage_and_a_reason(chat: LecternChat) -> None:
    chain = ChatPromptTemplate([("system", "Be brief."), ("human", "{text}")]) | chat
    whole: Any = None
    for chunk in chain.stream({"text": "繁體中文是什麼？"}):
        whole = chunk if whole is None else whole + chunk
    assert whole.response_metadata["finish_reason"] in {"stop", "length"}
    usage = whole.usage_metadata
    assert usage["output_tokens"] <= 8
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert "\ufffd" not in whole.text[:-1]


def test_what_is_bound_reaches_the_engine(
    chat: LecternChat, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []
    generate = engine.generate

    def recording(request: Request) -> Any:
        asked.append(request)
        return generate(request)

    monkeypatch.setattr(engine, "generate", recording)
    bound = chat.bind(lane=Lane.BATCH, max_tokens=3, temperature=0.5, seed=7, stop=["\n"])
    bound.invoke("Hello")
    (request,) = asked
    assert (request.lane, request.max_tokens, request.stop) == (Lane.BATCH, 3, ("\n",))
    assert (request.sampling.temperature, request.sampling.seed) == (0.5, 7)
    chat.bind(cancelled=lambda: True).invoke("Hello")
    assert asked[-1].cancelled()


def test_refuses_what_does_not_fit_and_odd_grammars(chat: LecternChat, engine: Engine) -> None:
    with pytest.raises(PromptTooLong):
        chat.invoke("word " * engine.context_tokens)
    with pytest.raises(GrammarRefused):
        chat.bind(grammar="nonsense").invoke("Hello")


def test_without_a_limit_takes_what_the_context_leaves(engine: Engine) -> None:
    chat = LecternChat(engine=engine)
    short = chat._request([HumanMessage("Hello")], None, {})
    assert short.max_tokens == 512
    long = chat._request([HumanMessage("word " * 1700)], None, {})
    assert long.max_tokens == engine.context_tokens - len(long.prompt)
    assert chat.get_num_tokens("Hello") == engine.count_tokens("Hello")


def marked(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def test_what_is_marked_is_shared() -> None:
    plain = {"type": "text", "text": "Why?"}
    (whole,) = _merged([HumanMessage([marked("A document. "), marked("Another. "), plain])])
    assert whole == Message("user", "Why?", ("A document. ", "Another. "))
    (bare,) = _merged([HumanMessage([marked("A document.")])])
    assert bare == Message("user", "", ("A document.",))
    (joined,) = _merged([HumanMessage([marked("Text. "), plain]), HumanMessage("More.")])
    assert joined == Message("user", "Why?\n\nMore.", ("Text. ",))


def test_what_is_marked_behind_other_text_is_not_lost() -> None:
    plain = {"type": "text", "text": "First this. "}
    (message,) = _merged([HumanMessage([plain, marked("Then that.")])])
    assert message == Message("user", "First this. Then that.")


def test_an_image_that_is_marked_is_no_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}, "cache_control": {}}
    (message,) = _merged([HumanMessage([image, {"type": "text", "text": "What is it?"}])])
    assert message == Message("user", "What is it?")


def test_what_is_marked_is_found_again(chat: LecternChat, engine: Engine) -> None:
    document = "What stands in this text stands in no other test. " * 8
    cached = []
    for question in ("Why?", "Where is it?"):
        content: list[str | dict[str, Any]] = [marked(document), {"type": "text", "text": question}]
        bound = chat.bind(sources=frozenset({"doc_1"}), durable=True, lane=Lane.BATCH)
        said = bound.invoke([SystemMessage("Be brief."), HumanMessage(content)])
        assert isinstance(said, AIMessage)
        assert said.usage_metadata is not None
        cached.append(said.usage_metadata["input_token_details"]["cache_read"])
    length = engine.count_tokens(document)
    assert cached[0] < length <= cached[1]
    assert "doc_1" in engine.sources()


def test_passages_are_composed_only_on_request(chat: LecternChat) -> None:
    messages = [SystemMessage("a"), HumanMessage([marked("One. "), marked("Two. ")])]
    assert chat._request(messages, None, {}).passages == ()
    assert len(chat._request(messages, None, {"compose": True}).passages) == 1


def test_roles_alternate() -> None:
    merged = _merged(
        [
            SystemMessage("a"),
            SystemMessage("b"),
            HumanMessage("c"),
            ToolMessage("d", tool_call_id="1"),
            AIMessage("e"),
            ChatMessage("f", role="critic"),
        ]
    )
    assert list(merged) == [
        Message("system", "a\n\nb"),
        Message("user", "c\n\nd"),
        Message("assistant", "e"),
        Message("user", "f"),
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_says_what_it_took(chat: LecternChat, streamed: bool) -> None:
    question = "Why are levees built along rivers? Explain."
    chunks = chat.stream(question) if streamed else iter([chat.invoke(question)])
    whole = next(chunks)
    for chunk in chunks:
        whole = whole + chunk
    told = whole.response_metadata
    assert set(usage.TIMINGS) < set(told)
    assert min(told[name] for name in usage.TIMINGS) >= 0
    assert told["prefill_ms"] > 0 < told["decode_ms"]
    written = whole.usage_metadata["output_tokens"] - 1
    expected = written / told["decode_ms"] * 1e3
    assert told["decode_tokens_per_second"] == pytest.approx(expected, rel=0.2)
