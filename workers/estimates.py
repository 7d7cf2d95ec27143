"""How long a job will take, and how good that guess was.

work      = tokens left to pay for × what a token takes on this host now
wait      = what the open jobs before it need, and those beside it, which share the slots by steps
estimate  = (work + wait) × how much longer than that the latest jobs took: half, and nine of ten

So what no formula knows (prompts that come out shorter, people who ask in between, a server behind
a network) is learned from outcomes, and the two figures say honestly how far they scatter.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import now
from ingest.errors import LecternError
from ingest.tables import DocumentRow, VersionRow
from workers import fleet, night
from workers.engine.load import Speed
from workers.jobs import Job
from workers.promises import beginning, outcomes, quantile, worked
from workers.states import TERMINAL, JobKind, JobStatus, Lane
from workers.tables import EstimateRow, JobRow

#: Real time ÷ formula, as long as there are few outcomes to learn from: what thirty summaries
#: scattered like (benchmarks/estimating.py). Answers end before they must, and share their steps.
ASSUMED = (0.55, 0.7, 0.8, 0.95, 1.3)
#: Seconds that a step costs beside its tokens: claimed, checked, written down.
STEP_SECONDS = 0.1
LIKELY, SAFE = 0.5, 0.9
ESTIMATED = (JobKind.SUMMARY, JobKind.DIGEST, JobKind.COMPARE, JobKind.EXTRACT, JobKind.REINDEX)
#: The same of a reindexing, whose pace is measured when it begins: more of the same takes about
#: as long, and longer where others want the cores meanwhile. Assumed, until there are outcomes.
ASSUMED_AS_MEASURED = (0.9, 1.0, 1.0, 1.1, 1.5)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a job consists of, in the model's tokens, without what was paid for before."""

    steps: int
    kept: int  #: of them, those whose output is there already
    prompt_tokens: int
    written_tokens: int  #: at most


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will take from now on; seconds."""

    steps: int
    kept: int
    prompt_tokens: int
    written_tokens: int
    work: float  #: by the formula, were it alone
    wait: float  #: by the formula, for others
    p50: float  #: half of such jobs end by then
    p90: float  #: nine of ten

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        return asdict(self)


def made(
    session: Session, job: Job, expected: Expected, speed: Speed, beside: float = 0.0
) -> Estimate:
    """The estimate for a job that has just been looked through.

    `beside`: seconds that no token accounts for.
    """
    work = (
        expected.prompt_tokens * speed.prompt_seconds
        + expected.written_tokens * speed.written_seconds
        + expected.steps * STEP_SECONDS
        + beside
    )
    wait = _wait(session, job, work, expected.steps - expected.kept)
    ratios = _ratios(session, JobKind(job.params.get("of", job.kind)))
    p50, p90 = ((work + wait) * quantile(ratios, share) for share in (LIKELY, SAFE))
    return Estimate(**asdict(expected), work=work, wait=wait, p50=p50, p90=p90)


def keep(session: Session, job_id: str, estimate: Estimate) -> None:
    """Remember what was promised, until it is known what came of it.

    It counts from when the job can begin: for one of the night, from the next opening.
    """
    begins = beginning(session.get_one(JobRow, job_id).when, now(session))
    row = EstimateRow(job_id=job_id, made_at=begins, real_seconds=None, **asdict(estimate))
    session.merge(row)


def settle(session: Session, job: Job, _error: LecternError | None) -> None:
    """Write down what a finished job really took since its estimate was made."""
    row = session.get(EstimateRow, job.id)
    if row is not None and job.status == JobStatus.SUCCEEDED and job.finished_at is not None:
        # Unless the clock was set back meanwhile.
        forward = job.finished_at > row.made_at
        row.real_seconds = worked(job.when, row.made_at, job.finished_at) if forward else None


@dataclass(frozen=True, slots=True)
class _Load:
    """An open job, as far as it is in the way."""

    priority: int
    steps: int
    left: float  #: seconds, by the formula

    def beside(self, work: float, steps: int, slots: int) -> float:
        """What it takes from a job of so much work while both run: the slots are shared by steps.

        A document of one section beside one of ten gets a small part of them.
        """
        share = min(self.steps, slots) / min(max(steps, 1), slots)
        return min(self.left, work * share)


def _wait(session: Session, job: Job, work: float, steps: int) -> float:
    """Seconds for others: all of what is before it, of what stands beside it a share."""
    slots = max(1, fleet.slots(session, Lane.BATCH))
    wait = 0.0
    for other in _others(session, job, work, steps):
        if other.priority > job.priority:
            wait += other.left
        elif other.priority == job.priority:
            wait += other.beside(work, steps, slots)
    return wait


def _others(session: Session, job: Job, work: float, steps: int) -> Iterator[_Load]:
    """The open jobs. One that nobody has looked through yet is guessed by its document's length."""
    query = (
        select(JobRow, EstimateRow, VersionRow.character_count)
        .outerjoin(EstimateRow, EstimateRow.job_id == JobRow.id)
        .outerjoin(DocumentRow, DocumentRow.id == JobRow.document_id)
        .outerjoin(VersionRow, VersionRow.id == DocumentRow.current_version_id)
        .where(JobRow.status.not_in(TERMINAL), JobRow.kind.in_(ESTIMATED))
    )
    if not night.window().open(now(session)):  # those of the night are in nobody's way now
        query = query.where(JobRow.when == job.when)
    rows = session.execute(query).all()
    own = next((characters for row, _, characters in rows if row.id == job.id), None)
    for row, known, characters in rows:
        if row.id == job.id:
            continue
        todo = 1.0 - (row.progress or {}).get("percent", 0) / 100
        if known is not None:
            yield _Load(row.priority, max(1, known.steps - known.kept), known.work * todo)
        else:
            times = characters / own if own and characters else 1.0
            yield _Load(row.priority, max(1, round(steps * times)), work * times)


def _ratios(session: Session, kind: JobKind) -> list[float]:
    """Real time by the formula's, of the latest jobs whose formula is alike; ascending."""
    reindexing = {JobKind.REINDEX}
    alike = reindexing if kind is JobKind.REINDEX else set(ESTIMATED) - reindexing
    known = (
        (row.real_seconds or 0.0) / max(row.work + row.wait, STEP_SECONDS)
        for row in outcomes(session, alike)
    )
    return sorted((*(ASSUMED_AS_MEASURED if kind is JobKind.REINDEX else ASSUMED), *known))
