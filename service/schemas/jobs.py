"""The shapes of jobs, their steps, and the wishes that begin them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from service.schemas.forms import Answering, Asking, ErrorCode, Id, LongText, Priority
from service.schemas.library import Document
from workers.jobs import JobKind, JobStatus, Lane


class Progress(Answering):
    """How far a job is."""

    percent: float = 0
    done: float = 0
    total: float = 0
    stage: str = ""


class Waiting(Answering):
    """Why a job has not begun."""

    reason: str
    position: int | None = None
    message: str


class Job(Answering):
    """What somebody asked for."""

    id: str
    kind: JobKind
    status: JobStatus
    lane: Lane
    priority: int
    collection_id: str | None
    document_id: str | None
    params: dict[str, Any]
    progress: Progress
    result: dict[str, Any] | None = Field(description="by kind: Answer, Summary, …")
    error: ErrorCode | None
    waiting: Waiting | None
    created_at: float
    started_at: float | None
    finished_at: float | None


class JobAnswer(Answering):
    """A job that was begun."""

    job: Job


class Jobs(Answering):
    """Jobs, newest first."""

    jobs: list[Job]


class UploadedDocument(Document):
    """A document of an upload."""

    duplicate: bool = Field(description="the collection held the same bytes already")


class Uploaded(Answering):
    """What became of an upload: each document, and the jobs that read them."""

    documents: list[UploadedDocument]
    jobs: list[Job]


class Step(Answering):
    """A unit of a job's work."""

    id: str
    kind: str
    ordinal: int
    status: str
    claims: int = Field(description="how often a worker began it")
    lost: int = Field(description="how often its worker was lost")
    retries: int
    started_at: float | None
    finished_at: float | None
    error: ErrorCode | None


class Steps(Answering):
    """A job's steps in the order they were planned."""

    steps: list[Step]


class SummaryRequest(Asking):
    """Summarise a whole document."""

    kind: Literal["summary"]
    document_id: Id
    priority: Priority = 0


class QuestionRequest(Asking):
    """Answer a question from a collection, or from one document of it."""

    kind: Literal["question"]
    collection_id: Id
    document_id: Id | None = None
    question: LongText
    conversation_id: Id | None = None
    priority: Priority = 0


JobRequest = Annotated[SummaryRequest | QuestionRequest, Field(discriminator="kind")]


class NewPriority(Asking):
    """A priority, or the wish to stand in front of all that waits."""

    priority: Priority | None = None
    front: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewPriority":
        if (self.priority is None) is not self.front:
            raise ValueError("give either a priority or front: true")
        return self
