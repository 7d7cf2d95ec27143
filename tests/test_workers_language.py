"""One setting puts an OpenAI-compatible server in the engine's place.

The server here is real HTTP over the real engine.
"""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate

from workers import language, writing
from workers.engine.engine import Engine
from workers.engine.requests import Request
from workers.engine.template import Message
from workers.errors import Cancelled, LanguageModelUnavailable
from workers.language import Language, Limits, Shape, estimated_tokens
from workers.settings import Settings
from workers.states import Lane

PROMPT = ChatPromptTemplate([("system", "Be brief."), ("human", "{text}")])


class Server(ThreadingHTTPServer):
    """Chat completions over `engine`, streamed with usage."""

    daemon_threads = True

    def __init__(self, engine: Engine | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.engine = engine
        self.asked: list[dict[str, Any]] = []
        self.breaks_after: int | None = None  #: pieces
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        assert self.server.engine is not None
        messages = [Message(one["role"], one["content"]) for one in asked["messages"]]
        prompt = self.server.engine.prompt(messages)
        answer = self.server.engine.generate(Request(prompt.tokens, asked["max_tokens"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number, text in enumerate(answer):
                if number == self.server.breaks_after:
                    self.close_connection = True
                    return
                self.tell([{"index": 0, "delta": {"content": text}}], None)
            assert answer.finish is not None
            self.tell([{"index": 0, "delta": {}, "finish_reason": answer.finish.reason}], None)
            usage = answer.finish.usage
            counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": 0}
            counts["completion_tokens"] = usage.completion_tokens
            self.tell([], {**counts, "total_tokens": sum(counts.values())})
            self.write(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.left.set()

    def tell(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> None:
        kind = "chat.completion.chunk"
        event = {"id": "1", "object": kind, "created": 0, "model": "m", "choices": choices}
        self.write(b"data: " + json.dumps({**event, "usage": usage}).encode() + b"\n\n")

    def write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    with Server(engine) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def over(url: str, *, small: bool = False) -> Language:
    return language.load(Settings(llm_url=url, llm_model="m", llm_context=4000, llm_small=small))


def test_a_server_has_a_large_model_unless_it_is_said_to_be_small() -> None:
    large, small = over("http://127.0.0.1:1/v1"), over("http://127.0.0.1:1/v1", small=True)
    assert not large.small
    assert small.small
    assert large.fingerprint != small.fingerprint


def limits(max_tokens: int) -> Limits:
    return Limits(Lane.INTERACTIVE, max_tokens, lambda: False)


def work(model: Language, *, cancelled_after: int = 10**9) -> Any:
    """As much of a step's work as writing needs."""
    checks = iter(range(cancelled_after))

    def check() -> None:
        if next(checks, None) is None:
            raise Cancelled

    return SimpleNamespace(
        tools=SimpleNamespace(language=model),
        check=check,
    )


@pytest.mark.model
def test_a_chain_streams_from_the_server_with_usage(server: Server, engine: Engine) -> None:
    heard: list[str] = []
    model = over(server.url)
    written = writing.write(
        work(model), PROMPT, {"text": "Name a river."}, limits(12), heard.append
    )
    assert written.text
    assert "".join(heard).strip() == written.text
    assert 0 < written.completion_tokens <= 12
    messages = [Message("system", "Be brief."), Message("user", "Name a river.")]
    assert written.prompt_tokens == len(engine.prompt(messages).tokens)
    (asked,) = server.asked
    assert asked["max_tokens"] == 12
    assert asked["temperature"] == 0
    assert asked["stream_options"] == {"include_usage": True}
    assert model.engine is None
    assert model.context_tokens == 4000
    assert server.url in model.fingerprint


@pytest.mark.model
def test_a_shape_is_asked_for_and_the_text_is_left_as_it_came(server: Server) -> None:
    schema = {"type": "object", "properties": {"river": {"type": "string"}}}
    shaped = replace(limits(12), shape=Shape("unused", schema))
    written = writing.write(work(over(server.url)), PROMPT, {"text": "Name a river."}, shaped)
    assert written.completion_tokens > 0
    assert written.complete is (written.completion_tokens < 12)
    (asked,) = server.asked
    assert asked["response_format"]["json_schema"]["schema"] == schema
    assert asked["response_format"]["json_schema"]["strict"] is True


@pytest.mark.model
def test_a_server_that_breaks_off_is_unavailable(server: Server) -> None:
    server.breaks_after = 2
    with pytest.raises(LanguageModelUnavailable) as failed:
        writing.write(work(over(server.url)), PROMPT, {"text": "Count to ninety."}, limits(40))
    assert failed.value.details["url"] == server.url


@pytest.mark.model
def test_cancelling_leaves_the_server(server: Server) -> None:
    with pytest.raises(Cancelled):
        writing.write(
            work(over(server.url), cancelled_after=2),
            PROMPT,
            {"text": "Count to ninety."},
            limits(500),
        )
    assert server.left.wait(60)


def test_a_server_that_is_down_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(LanguageModelUnavailable, match="does not answer"):
            writing.write(work(over(url)), PROMPT, {"text": "Anyone?"}, limits(5))


@pytest.mark.model
def test_our_own_engine_by_the_same_door(model_file: Path) -> None:
    chosen = Settings(
        model=str(model_file), context=512, batch_slots=1, interactive_slots=1, threads=1
    )
    model = language.load(chosen)
    assert model.engine is not None
    try:
        written = writing.write(work(model), PROMPT, {"text": "Name a river."}, limits(8))
        assert written.text
        assert written.prompt_tokens + written.completion_tokens > 8
        again = writing.write(work(model), PROMPT, {"text": "Name a river."}, limits(8))
        assert 0 < again.cached_tokens < again.prompt_tokens
        assert model.context_tokens == 512
        assert model.fingerprint == model.engine.model.fingerprint
    finally:
        model.engine.close()


@pytest.mark.model
@pytest.mark.parametrize(
    "text", ["Plain English words about a levee.", "繁體中文的堤防與文件。", "混合 mixed text 2024"]
)
def test_the_estimate_for_a_server_is_not_far_below(engine: Engine, text: str) -> None:
    assert estimated_tokens(text * 20) >= 0.5 * engine.count_tokens(text * 20)
    assert estimated_tokens("") == 0
