"""Stand-ins for the heavy parts of a worker, and the least it takes to run steps with them.

What they do is instant and always the same; what depends on a real model is tested with one.
"""

import hashlib
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select

from ingest import library
from ingest.blobs import Intake
from ingest.database import now, reading, writing
from ingest.embedders import Embedders
from ingest.errors import EmbedderMissing, IndexLost
from ingest.filters import WHOLE, Part
from ingest.records import Document, Original
from ingest.sniff import media_type
from ingest.vectors import Entry, Hit
from workers import jobs, submit
from workers.engine.load import Load, Speed
from workers.engine.profile import fallback
from workers.engine.requests import Finish, FinishReason, Request, Usage
from workers.engine.sequence import Answer
from workers.engine.template import Message, Prompt
from workers.jobs import Job
from workers.language import Language
from workers.runtime import Runtime
from workers.settings import Settings
from workers.states import UNSTARTED
from workers.tables import StepRow, WorkerRow
from workers.work import Tools

REPLY = ("In ", "short: ", "it ", "was ", "said.")


def count_words(text: str) -> int:
    return len(text.split())


class FakeEmbedder:
    """Vectors of words by their hashes: the same words are near each other."""

    fingerprint, former = "fake:16", "fake"
    name, folder = "fake", ""
    dimensions = 16

    def count_tokens(self, text: str) -> int:
        return count_words(text)

    def unknown_share(self, text: str) -> float:
        return 0.0

    def embed_question(self, text: str) -> Any:
        return self.embed([text])[0]

    def embed(self, texts: list[str], check: Callable[[], None] = lambda: None) -> Any:
        check()
        vectors = np.full((len(texts), self.dimensions), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % self.dimensions] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass
class MemoryIndex:
    """The dense index without its server."""

    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)

    def add(self, collection_id: str, entries: Sequence[Entry]) -> None:
        self.entries.setdefault(collection_id, {}).update({one.chunk_id: one for one in entries})

    def search(self, collection_id: str, vector: Any, limit: int, part: Part = WHOLE) -> list[Hit]:
        if collection_id not in self.entries:
            raise IndexLost
        found = [
            Hit(one.chunk_id, float(np.dot(one.vector, vector)))
            for one in self.entries[collection_id].values()
            if not part.version_ids or one.version_id in part.version_ids
            if part.pages is None or part.pages[0] <= one.page <= part.pages[1]
        ]
        return sorted(found, key=lambda hit: -hit.similarity)[:limit]

    def remove_documents(self, collection_id: str, document_ids: Sequence[str]) -> None:
        kept = self.entries.get(collection_id, {})
        for chunk_id in [key for key, one in kept.items() if one.document_id in document_ids]:
            del kept[chunk_id]

    def keep_versions(
        self, collection_id: str, document_id: str, version_ids: Sequence[str]
    ) -> None:
        kept = self.entries.get(collection_id, {})
        for chunk_id, one in list(kept.items()):
            if one.document_id == document_id and one.version_id not in version_ids:
                del kept[chunk_id]

    def remove_collection(self, collection_id: str) -> None:
        self.entries.pop(collection_id, None)

    def count(self, collection_id: str) -> int:
        return len(self.entries.get(collection_id, {}))

    def present(self, collection_id: str, chunk_ids: Collection[str]) -> set[str]:
        return set(chunk_ids) & set(self.entries.get(collection_id, {}))

    def pages(self, collection_id: str) -> Iterator[list[str]]:
        yield list(self.entries.get(collection_id, {}))

    def remove(self, collection_id: str, chunk_ids: Sequence[str]) -> None:
        for chunk_id in chunk_ids:
            self.entries.get(collection_id, {}).pop(chunk_id, None)


class Parrot(BaseChatModel):
    """Says the same to everybody; `on_word` is called before each word, `told` comes at the end."""

    asked: list[str] = Field(default_factory=list)
    heard: list[list[BaseMessage]] = Field(default_factory=list)  #: whole prompts
    bound: list[dict[str, Any]] = Field(default_factory=list)  #: what the engine would be told
    told: dict[str, Any] = Field(default_factory=dict)
    on_word: Callable[[], None] = lambda: None

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _generate(self, messages: list[BaseMessage], *given: Any, **more: Any) -> ChatResult:
        whole = "".join(part.text for part in self._stream(messages))
        return ChatResult(generations=[ChatGeneration(message=AIMessageChunk(whole))])

    def _stream(
        self, messages: list[BaseMessage], *given: Any, **more: Any
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages[-1].text)
        self.heard.append(messages)
        self.bound.append(more)
        for word in REPLY:
            self.on_word()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        usage = {"input_tokens": 10, "output_tokens": len(REPLY), "total_tokens": 10 + len(REPLY)}
        told = {"finish_reason": "stop", **self.told}
        last = AIMessageChunk("", usage_metadata=usage, response_metadata=told)
        yield ChatGenerationChunk(message=last)


class MemoryEngine:
    """As much of an engine as a runtime looks at: what it keeps, and of whom."""

    alive = idle = True
    profile = fallback(Settings())

    def __init__(self) -> None:
        self.kept: dict[tuple[int, ...], frozenset[str]] = {}
        self.asked: list[Request] = []
        self.on_request: Callable[[], None] = lambda: None
        self.figures = Load(*[0] * len(fields(Load)))

    def lost(self) -> None:
        """It stands on this host alone."""

    def load(self) -> Load:
        return self.figures

    def speed(self) -> Speed:
        return Speed(0.001, 0.01)

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        tokens: list[int] = []
        prefixes = []
        for message in messages:
            tokens += [hash(word) for word in (*message.shared, message.content)]
            prefixes.append(len(tokens) - 1 if message.shared else len(tokens))
        return Prompt(tuple(tokens), tuple(prefixes))

    def cheapest_order(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return tuple(range(len(messages[-1].shared)))

    def generate(self, request: Request) -> Answer:
        self.asked.append(request)
        self.on_request()
        answer = Answer(request)
        cancelled = request.cancelled()
        if not cancelled:
            self.kept[request.prompt] = request.sources
        reason: FinishReason = "cancelled" if cancelled else "length"
        answer.tell(Finish(reason, Usage(len(request.prompt), 0, 0, 0.0, 0.0, 0.0)))
        return answer

    def keeps(self, tokens: tuple[int, ...]) -> bool:
        return tokens in self.kept

    def see_cancelled(self) -> None:
        """Nothing is ever in progress."""

    def sources(self) -> frozenset[str]:
        return frozenset().union(*self.kept.values())

    def forget(self, sources: frozenset[str]) -> None:
        self.kept = {tokens: of for tokens, of in self.kept.items() if not of & sources}


class Office:
    """A worker process without Celery, engine and embedder: steps are run one by one."""

    def __init__(self, index: Any = None, engine: Any = None, **settings: Any) -> None:
        self.model = Parrot()
        self.index = index if index is not None else MemoryIndex()
        language = Language(
            chat=self.model,
            fingerprint="fake-model",
            context_tokens=4_096,
            count_tokens=count_words,
            engine=engine,
            small=False,
        )
        self.tools = Tools(language, Embedders(FakeEmbedder(), _nobody), self.index)
        self.runtime = Runtime(self.tools, Settings(**settings))

    def work(self, job: Job | None = None) -> int:
        """Run what is ready (of one job), and what becomes ready by it; returns how many steps."""
        done = 0
        while step_id := next(iter(ready_steps(job)), None):
            self.runtime.run(step_id)
            done += 1
            assert done < 1_000, "steps come back for ever"
        return done


def _nobody(folder: str) -> Any:
    raise EmbedderMissing(path=folder)


def ready_steps(job: Job | None = None) -> list[str]:
    with reading() as session:
        query = select(StepRow.id).where(
            StepRow.status.in_(UNSTARTED), StepRow.not_before <= now(session)
        )
        if job is not None:
            query = query.where(StepRow.job_id == job.id)
        return list(session.scalars(query.order_by(StepRow.created_at, StepRow.ordinal)))


def first_step(job: Job) -> jobs.Step:
    return jobs.steps_of(job.id)[0]


def set_step(step_id: str, **values: Any) -> None:
    """What time, a broker or a crash would do to a step."""
    with writing() as session:
        row = session.get_one(StepRow, step_id)
        for name, value in values.items():
            setattr(row, name, value)


def add_worker(owner: str = "worker_1", batch: int = 4, interactive: int = 2, **more: Any) -> None:
    """A live worker, as others see it."""
    with writing() as session:
        row = WorkerRow(
            id=owner,
            host="here",
            pid=1,
            process_started=0.0,
            model="m",
            batch_slots=batch,
            interactive_slots=interactive,
            seen_at=now(session),
        )
        for name, value in more.items():
            setattr(row, name, value)
        session.merge(row)


def new_collection(name: str = "Minutes") -> str:
    with writing() as session:
        return library.create_collection(session, name).id


def store(collection_id: str, content: str | bytes, name: str = "a.txt") -> Document:
    """A document in the library, not read yet."""
    intake = Intake()
    intake.write(content.encode() if isinstance(content, str) else content)
    original = Original(name, media_type(intake.head, name), intake.sha256, intake.size)
    with writing() as session:
        document, _ = library.add(session, collection_id, original)
        intake.commit()
    return document


def read(office: Office, collection_id: str, content: str | bytes, name: str = "a.txt") -> Document:
    """A document that has been read."""
    document = store(collection_id, content, name)
    office.work(submit.read(document.id))
    with reading() as session:
        return library.document(session, document.id)


def prose(paragraphs: int, words: int = 60, topic: str = "harbour") -> str:
    """Text of which no two paragraphs are the same."""
    return "\n\n".join(
        " ".join(f"{topic}{number}w{place}" for place in range(words)) + "."
        for number in range(paragraphs)
    )


def pdf(*pages: str, **options: Any) -> bytes:
    """A PDF with the lines of each text on a page of its own."""
    body = io.BytesIO()
    canvas = Canvas(body, pagesize=(600, 800), **options)
    for text in pages:
        for place, line in enumerate(text.split("\n")):
            canvas.drawString(40, 760 - 12 * place, line)
        canvas.showPage()
    canvas.save()
    return body.getvalue()
