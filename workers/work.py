"""What a kind of job consists of: how it is planned, run and settled."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from ingest.embed import Embedder
from ingest.embedders import Embedders
from ingest.errors import LecternError
from ingest.reranker import Reranker
from ingest.search import Means
from ingest.vectors import VectorIndex
from workers import events, steps
from workers.errors import Cancelled
from workers.jobs import Job, Step
from workers.language import Language, Limits


@dataclass(frozen=True, slots=True)
class Tools:
    """The heavy parts of a worker process, loaded once."""

    language: Language
    embedders: Embedders
    index: VectorIndex
    reranker: Reranker | None = None

    @property
    def means(self) -> Means:
        """What searches are done with."""
        return Means(self.embedders, self.index, self.reranker)

    @property
    def embedder(self) -> Embedder:
        """The one that is set: whatever is embedded beside the indexes is by this."""
        return self.embedders.current


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed step with all it needs to run."""

    job: Job
    step: Step
    tools: Tools
    cancelled: Callable[[], bool]

    def check(self) -> None:
        """Raise Cancelled once the work is no longer wanted here."""
        if self.cancelled():
            raise Cancelled

    def write(self) -> AbstractContextManager[Session]:
        """A writing session under the step's fence; raises LeaseLost."""
        return steps.fenced(self.step)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """An event for whoever follows the job."""
        events.emit(self.job.id, name, data)

    def limits(
        self, max_tokens: int, sources: frozenset[str] = frozenset(), *, durable: bool = False
    ) -> Limits:
        """The limits of a generation for this step, and what its prompt is made of."""
        return Limits(self.job.lane, max_tokens, self.cancelled, sources, durable)


@dataclass(frozen=True, slots=True)
class Output:
    """What a step brings."""

    data: dict[str, Any]
    key: str | None = None  #: content key to keep it under, for other jobs too
    document_id: str | None = None  #: whose words it is made of, if the job is about several


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step that may run now."""

    kind: str
    ordinal: int = 0
    input: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    done: int
    total: int
    stage: str

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        percent = round(100 * self.done / self.total) if self.total else 0
        return {
            "percent": percent,
            "done": self.done,
            "total": self.total,
            "stage": self.stage,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does next: more steps, or its result, or it waits for running steps."""

    progress: Progress
    steps: tuple[NewStep, ...] = ()
    result: dict[str, Any] | None = None


Runner = Callable[[Work], Output]
Planner = Callable[[Job, Sequence[Step]], Plan]
Settler = Callable[[Session, Job, LecternError | None], None]


def nothing(_session: Session, _job: Job, _error: LecternError | None) -> None:
    """For kinds that leave nothing behind but their result."""


def nothing_after(_job: Job) -> None:
    """For kinds that keep nothing outside the database."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job."""

    runners: Mapping[str, Runner]  #: step kind → function; may run again after a crash
    plan: Planner  #: pure: called in the transaction that ends a step
    settle: Settler = nothing  #: called in the transaction that ends the job
    afterwards: Callable[[Job], None] = nothing_after  #: called once that has been committed
