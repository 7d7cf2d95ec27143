"""The shapes of jobs, their steps, and the wishes that begin them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from service.schemas.forms import Answering, Asking, ErrorCode, Id, LongText, Priority
from service.schemas.library import Document
from workers.states import JobKind, JobStatus, Lane


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
    starts_in: float | None = Field(None, description="seconds, if all goes on as lately")


class Estimate(Answering):
    """What a job would take from now on, in seconds and in the model's tokens."""

    steps: int
    kept: int = Field(description="steps whose output is there already, and costs nothing")
    prompt_tokens: int
    written_tokens: int = Field(description="at most")
    work: float = Field(description="if it were alone")
    wait: float = Field(description="for other jobs")
    p50: float = Field(description="half of such jobs end by then")
    p90: float = Field(description="nine of ten")


class Promise(Answering):
    """What was estimated of a job when it began, and what became of it; in seconds."""

    made_at: float
    steps: int
    kept: int = Field(description="steps whose output was there already, and cost nothing")
    prompt_tokens: int
    written_tokens: int = Field(description="at most")
    p50: float = Field(description="since made_at")
    p90: float = Field(description="since made_at")
    remaining: float | None = Field(description="from now; null once the job has ended")
    real: float | None = Field(description="since made_at; null unless it succeeded")


class Accuracy(Answering):
    """How good the latest estimates were."""

    jobs: int
    within_p90: float = Field(description="share that ended by then; 0.9 is right")
    near_p50: float = Field(description="share that ended within 30 % of it")
    median_ratio: float = Field(description="real time by p50; 1 is right")


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
    estimate: Promise | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    cancelled_after: float | None = Field(
        None, description="seconds from the wish to cancel it until nothing of it ran"
    )


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
    dry_run: bool = Field(False, description="only say what it would take")


class QuestionRequest(Asking):
    """Answer a question from a collection, or from one document of it."""

    kind: Literal["question"]
    collection_id: Id
    document_id: Id | None = None
    question: LongText
    conversation_id: Id | None = None
    priority: Priority = 0


class ExtractRequest(Asking):
    """Take what a JSON schema asks for out of each of the documents."""

    kind: Literal["extract"]
    document_ids: list[Id] = Field(min_length=1, max_length=100)
    wanted: dict[str, Any] = Field(
        alias="schema",
        description="a JSON schema of type object; `bad_schema` says what can't be used",
    )
    instruction: str = Field("", max_length=2_000, description="what else the model should know")
    priority: Priority = 0
    dry_run: bool = Field(False, description="only say what it would take")


JobRequest = Annotated[
    SummaryRequest | QuestionRequest | ExtractRequest, Field(discriminator="kind")
]


class NewPriority(Asking):
    """A priority, or the wish to stand in front of all that waits."""

    priority: Priority | None = None
    front: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewPriority":
        if (self.priority is None) is not self.front:
            raise ValueError("give either a priority or front: true")
        return self
