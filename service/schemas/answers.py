"""The shapes of questions, answers, searches and conversations."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ingest.filters import MOST_TAGS, Filter
from ingest.names import one_line
from service.deps import HIGHEST
from service.schemas.forms import Answering, Asking, Id, LongText

Page = Annotated[int, Field(ge=1, le=HIGHEST)]
Word = Annotated[str, Field(max_length=200)]
Moment = Annotated[float, Field(ge=0, le=1e11, description="seconds since the epoch")]


class Pages(Asking):
    """From a page to a page, both included."""

    first: Page = 1
    last: Page = HIGHEST


class Narrowing(Asking):
    """Where to look; what is left out narrows nothing."""

    document_ids: list[Id] = Field([], max_length=1_000)
    media_types: list[Word] = Field([], max_length=50)
    tags: list[Word] = Field([], max_length=MOST_TAGS, description="a document carries all of them")
    added_from: Moment | None = None
    added_before: Moment | None = None
    pages: Pages | None = None

    def filter(self) -> Filter:
        """The same as the search takes it."""
        return Filter(
            document_ids=tuple(self.document_ids),
            media_types=tuple(map(one_line, self.media_types)),
            tags=tuple(self.tags),
            added_from=self.added_from,
            added_before=self.added_before,
            pages=(self.pages.first, self.pages.last) if self.pages else None,
        )


class Question(Asking):
    """A question to a collection, or to one document of it."""

    question: LongText
    document_id: Id | None = Field(None, description="answer from this document alone")
    conversation_id: Id | None = None
    conversation: Id | None = Field(None, description="the same as conversation_id")
    filter: Narrowing = Narrowing()
    stream: bool = Field(False, description="answer with the job's events")


class Citation(Answering):
    """A place in a document that supports a sentence."""

    id: int
    document_id: str
    document_name: str
    version_id: str
    page: int
    char_start: int
    char_end: int
    quote: str = Field(description="exactly the page's text from char_start to char_end")
    verified: bool


class Sentence(Answering):
    """A sentence of an answer and the citations that support it."""

    text: str
    verified: bool
    citations: list[int]
    disputed: list[int] = Field([], description="citations of documents with other figures")


class Usage(Answering):
    """What the model's part cost; 0 where nothing was computed, or a model server did not say."""

    prompt_tokens: int = 0
    cached_tokens: int = Field(0, description="of the prompt, found computed already")
    completion_tokens: int = 0
    thinking_tokens: int = Field(0, description="of them, what it thought before it answered")
    queue_ms: int = Field(0, description="waited for a place in the engine")
    prefill_ms: int = Field(0, description="read the prompt, up to the first token")
    decode_ms: int = Field(0, description="wrote the tokens after it")
    prefill_tokens_per_second: float = 0
    decode_tokens_per_second: float = 0


class Answer(Answering):
    """The answer to a question, or a refusal that says what was searched."""

    answer: str
    mode: Literal["written", "quoted", "refused"] = Field(
        description="in the model's words, in the document's own, or not at all"
    )
    refused: bool
    draft: str | None = Field(None, description="what the model wrote that could not be proved")
    sentences: list[Sentence]
    citations: list[Citation]
    nearest: list[Citation] = Field([], description="of a refusal: places that carry nothing")
    conversation_id: str | None = None
    searched: dict[str, Any] = Field(
        description="documents, passages, best_score, whole: the document was read whole; "
        "degraded: found by words alone; lacking: the code of what was missing"
    )
    usage: Usage
    timings: dict[str, float | None] = Field(description="milliseconds by stage")


class Query(Asking):
    """What to look for."""

    query: LongText
    limit: int = Field(8, ge=1, le=100)
    filter: Narrowing = Narrowing()


class Hit(Answering):
    """A passage that was found."""

    document_id: str
    document_name: str
    version_id: str
    page: int
    char_start: int
    char_end: int
    heading: str
    text: str
    score: float = Field(description="fused rank; only its order means something")
    similarity: float | None = Field(None, description="cosine, if the vectors found it")
    words: float | None = Field(None, description="lexical score, if the words found it")
    reranked: float | None = Field(None, description="the cross-encoder's, if it has read it")


class Hits(Answering):
    """Passages, best first, and what finding them took."""

    hits: list[Hit]
    searched: dict[str, Any] = Field(
        {}, description="documents; degraded and lacking as in an answer"
    )
    timings: dict[str, float]


class Turn(Answering):
    """A question and, once it is there, its answer."""

    job_id: str
    question: str
    answer: str | None
    refused: bool
    citations: list[Citation]
    created_at: float


class ConversationHead(Answering):
    """A chat over one collection."""

    id: str
    collection_id: str
    title: str
    created_at: float


class Conversation(ConversationHead):
    """A chat with its turns, oldest first."""

    turns: list[Turn]


class Conversations(Answering):
    """Chats, newest first."""

    conversations: list[ConversationHead]
