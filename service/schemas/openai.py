"""The shapes of OpenAI's interface, as far as a collection can fill them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.answers import Narrowing
from service.schemas.forms import Answering, Id, LongText


class Lenient(BaseModel):
    """What clients send that means nothing here (temperature, max_tokens, tools) is passed over."""

    model_config = ConfigDict(extra="ignore")


class Part(Lenient):
    """A part of a message. Pictures can't be asked about, and are refused."""

    type: Literal["text"]
    text: LongText


class Message(Lenient):
    """A turn of a talk."""

    role: str = Field(max_length=40)
    content: LongText | list[Part] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(Lenient):
    """What a stream has besides."""

    include_usage: bool | None = None


class ResponseFormat(Lenient):
    """Answers are text; fields are taken out of documents by jobs of the kind extract."""

    type: Literal["text"]


class Chat(Lenient):
    """A question to a collection: the last message of the user."""

    model: str = Field(max_length=300, description="kb-<slug> or kb-<id>, see GET /v1/models")
    messages: list[Message] = Field(min_length=1, max_length=2_000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    document_id: Id | None = Field(None, description="answer from this document alone")
    filter: Narrowing = Narrowing()

    @property
    def question(self) -> str:
        """What the user said last."""
        return self._said(self._last)

    @property
    def before(self) -> tuple[str, str] | None:
        """The question before it and its answer, if the client repeats them."""
        asked = [place for place in self._users if place < self._last]
        answers = self.messages[asked[-1] + 1 : self._last] if asked else []
        told = [message.text for message in answers if message.role == "assistant"]
        return (self._said(asked[-1]), told[-1]) if told else None

    @property
    def _users(self) -> list[int]:
        return [place for place, one in enumerate(self.messages) if one.role == "user"]

    @property
    def _last(self) -> int:
        return self._users[-1] if self._users else -1

    def _said(self, place: int) -> str:
        return self.messages[place].text if place >= 0 else ""


class Model(Answering):
    """A collection that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "lectern"
    name: str
    collection_id: str


class Models(Answering):
    """All of them, oldest first."""

    object: Literal["list"] = "list"
    data: list[Model]


class Completion(Answering):
    """An answer; `lectern` has what OpenAI's shape has no place for, as POST …/ask shows it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]
    lectern: dict[str, Any]
