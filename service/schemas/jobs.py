"""The shapes of jobs, their steps, and the wishes that begin them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from service.schemas.answers import Narrowing
from service.schemas.forms import Answering, Asking, ErrorCode, Id, LongText, OwnerName, Priority
from service.schemas.library import Document, Version
from workers.states import JobKind, JobStatus, Lane, When
from workers.styles import Form, Style, Tongue
from workers.submit import MOST_DOCUMENTS


class Progress(Answering):
    """How far a job is."""

    percent: float = 0
    done: float = 0
    total: float = 0
    stage: str = ""


class Waiting(Answering):
    """Why a job has not begun, or pauses."""

    reason: str = Field(description="queued, no_worker or night")
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
    owner: str = Field(description="as a proxy said; empty: nobody in particular")
    when: When
    collection_id: str | None
    document_id: str | None
    params: dict[str, Any]
    progress: Progress
    result: dict[str, Any] | None = Field(description="by kind: Answer, Summary, Comparison, …")
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


class JobQuery(BaseModel):
    """Which jobs to list; what is not given may be anything."""

    status: JobStatus | None = None
    kind: JobKind | None = None
    document_id: Id | None = None
    collection_id: Id | None = None
    owner: OwnerName | None = None
    limit: int = Field(50, ge=1, le=500)


class UploadedDocument(Document):
    """A document of an upload."""

    duplicate: bool = Field(description="the collection held the same bytes already")


class Uploaded(Answering):
    """What became of an upload: each document, and the jobs that read them."""

    documents: list[UploadedDocument]
    jobs: list[Job]


class UploadedVersion(Answering):
    """What became of a new version of a document, and the job that reads it."""

    document: UploadedDocument = Field(description="as it is now, with the version readers see")
    version: Version
    job: Job


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


COMPARED = 10  #: documents or versions at once: every pair of them is aligned


class BatchRequest(Asking):
    """What every job that nobody waits for may be asked with."""

    priority: Priority = 0
    when: When = When.NOW
    dry_run: bool = Field(False, description="only say what it would take")


class FormRequest(BatchRequest):
    """How a summary is wanted."""

    style: Style = Style.STANDARD
    length: int | None = Field(
        None, ge=20, le=1_000, description="words, in Chinese characters; as the style has usually"
    )
    language: Tongue | None = Field(None, description="the document's own when it is not given")
    instruction: str | None = Field(
        None, max_length=2_000, description="what the custom style is to do"
    )

    @model_validator(mode="after")
    def _instruction_with_custom(self) -> Self:
        told = bool(self.instruction and self.instruction.strip())
        if told is not (self.style is Style.CUSTOM):
            raise ValueError("style custom needs an instruction, and no other style takes one")
        return self

    @property
    def form(self) -> Form:
        """The same as a value."""
        return Form(self.style, self.length, self.language, (self.instruction or "").strip())


class SummaryRequest(FormRequest):
    """Summarise a whole document."""

    kind: Literal["summary"]
    document_id: Id


class DigestRequest(FormRequest):
    """Summarise each of several documents, or of a collection, and all of them together."""

    kind: Literal["digest"]
    collection_id: Id | None = None
    document_ids: Annotated[list[Id], Field(min_length=2, max_length=MOST_DOCUMENTS)] | None = None

    @model_validator(mode="after")
    def _documents_of_one_kind(self) -> Self:
        if (self.collection_id is None) is (self.document_ids is None):
            raise ValueError("give either a collection_id or document_ids")
        if len(set(self.document_ids or ())) != len(self.document_ids or ()):
            raise ValueError("each document may be given once")
        if self.style is Style.MINUTES:
            raise ValueError("minutes are of one meeting")
        return self


class QuestionRequest(Asking):
    """Answer a question from a collection, or from one document of it."""

    kind: Literal["question"]
    collection_id: Id
    document_id: Id | None = None
    question: LongText
    conversation_id: Id | None = None
    filter: Narrowing = Narrowing()
    priority: Priority = 0


class CompareRequest(BatchRequest):
    """Compare documents as they are now, or certain versions."""

    kind: Literal["compare"]
    document_ids: list[Id] | None = Field(None, min_length=2, max_length=COMPARED)
    versions: list[tuple[Id, Id]] | None = Field(
        None, min_length=2, max_length=COMPARED, description="[document_id, version_id], …"
    )
    focus: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None, description="a subject: what does not concern it is left out"
    )
    language: Literal["en", "zh-TW"] | None = Field(
        None, description="of the overview; the documents' own by default"
    )

    @model_validator(mode="after")
    def _distinct_ones_of_one_kind(self) -> Self:
        if (self.document_ids is None) is (self.versions is None):
            raise ValueError("give either document_ids or versions")
        if len(set(self.wanted)) < len(self.wanted):
            raise ValueError("name each only once")
        return self

    @property
    def subject(self) -> str | None:
        """What to look for, without blank ends."""
        return (self.focus or "").replace("\0", "").strip() or None  # Postgres keeps no NUL

    @property
    def wanted(self) -> Sequence[tuple[str, str | None]]:
        """Documents, each with the version that is meant if it is not the current one."""
        return self.versions or [(document_id, None) for document_id in self.document_ids or ()]


class ExtractRequest(BatchRequest):
    """Take what a JSON schema asks for out of each of the documents."""

    kind: Literal["extract"]
    document_ids: list[Id] = Field(min_length=1, max_length=100)
    wanted: dict[str, Any] = Field(
        alias="schema",
        description="a JSON schema of type object; `bad_schema` says what can't be used",
    )
    instruction: str = Field("", max_length=2_000, description="what else the model should know")

    @property
    def told(self) -> str:
        """The instruction without blank ends."""
        return self.instruction.replace("\0", "").strip()  # Postgres keeps no NUL


Wanted = SummaryRequest | DigestRequest | CompareRequest | ExtractRequest | QuestionRequest
JobRequest = Annotated[Wanted, Field(discriminator="kind")]


class NewPriority(Asking):
    """A priority, or the wish to stand in front of all that waits."""

    priority: Priority | None = None
    front: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewPriority":
        if (self.priority is None) is not self.front:
            raise ValueError("give either a priority or front: true")
        return self
