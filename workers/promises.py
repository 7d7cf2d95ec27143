"""What a user is told about a job's time: what was estimated, what is left, what it really took.

How estimates are made is the workers' affair (`workers/estimates.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import now, reading
from workers import night
from workers.states import JobKind, When
from workers.tables import EstimateRow, JobRow

REMEMBERED = 40  #: latest outcomes that count
TOLERANCE = 0.3


@dataclass(frozen=True, slots=True)
class Promise:
    """The estimate of a job, and what has become of it; seconds since `made_at`."""

    made_at: float
    steps: int
    kept: int  #: steps whose output was there already
    prompt_tokens: int
    written_tokens: int  #: at most
    p50: float  #: half of such jobs end by then
    p90: float  #: nine of ten
    remaining: float | None  #: from now; None once the job has ended
    real: float | None  #: what it took; None unless it succeeded


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good the latest estimates were."""

    jobs: int
    within_p90: float  #: share that ended by then
    near_p50: float  #: share that ended within ±30 % of it
    median_ratio: float  #: real time ÷ p50


def accuracy() -> Accuracy:
    """Of the latest jobs that had an estimate and succeeded."""
    with reading() as session:
        found = [(row.real_seconds or 0.0, row.p50, row.p90) for row in outcomes(session)]
    count = len(found) or 1
    ratios = sorted(real / p50 for real, p50, _ in found if p50 > 0)
    return Accuracy(
        jobs=len(found),
        within_p90=sum(real <= p90 for real, _, p90 in found) / count,
        near_p50=sum(abs(real - p50) <= TOLERANCE * p50 for real, p50, _ in found) / count,
        median_ratio=quantile(ratios, 0.5) if ratios else 0.0,
    )


def outcomes(session: Session, kinds: Iterable[JobKind] = JobKind) -> Sequence[EstimateRow]:
    """The latest estimates of such jobs of which it is known what came of them."""
    of_kinds = select(JobRow.id).where(JobRow.kind.in_(list(kinds)))
    known = select(EstimateRow).where(
        EstimateRow.real_seconds.is_not(None), EstimateRow.job_id.in_(of_kinds)
    )
    latest = known.order_by(EstimateRow.made_at.desc()).limit(REMEMBERED)
    return session.scalars(latest).all()


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two values that stand around the place `share` of ascending ones."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def promises(session: Session, rows: Sequence[JobRow]) -> Mapping[str, Promise]:
    """By job, of those that have an estimate."""
    wanted = {row.id: row for row in rows}
    found = session.scalars(select(EstimateRow).where(EstimateRow.job_id.in_(wanted))).all()
    moment = now(session) if found else 0.0
    return {row.job_id: _promise(row, wanted[row.job_id], moment) for row in found}


def beginning(when: str, moment: float) -> float:
    """When a job that is asked for at `moment` can begin."""
    return night.window().opening(moment) if when == When.NIGHT else moment


def worked(when: str, begin: float, end: float) -> float:
    """Seconds between two moments in which the job could run; 0 if it could not begin yet."""
    if when == When.NIGHT:
        return night.window().open_seconds(begin, end)
    return max(0.0, end - begin)


def begin_now(session: Session, job_id: str) -> None:
    """What was promised for the night counts from now, less what the job has worked already."""
    row = session.get(EstimateRow, job_id)
    if row is not None:
        moment = now(session)
        row.made_at = moment - worked(When.NIGHT, row.made_at, moment)


def remaining(p50: float, done: float, elapsed: float) -> float:
    """Seconds until the end, when the share `done` of the work is done after `elapsed` seconds.

    The mean of what was estimated and of the job's own pace, which counts more the further it is.
    """
    left = 1.0 - done
    return left * (left * p50 + elapsed) if done else max(0.0, p50 - elapsed)


def _promise(row: EstimateRow, job: JobRow, moment: float) -> Promise:
    return Promise(
        made_at=row.made_at,
        steps=row.steps,
        kept=row.kept,
        prompt_tokens=row.prompt_tokens,
        written_tokens=row.written_tokens,
        p50=row.p50,
        p90=row.p90,
        remaining=None if job.finished_at is not None else _remaining(row, job, moment),
        real=row.real_seconds,
    )


def _remaining(row: EstimateRow, job: JobRow, moment: float) -> float:
    """Seconds from `moment` to the end, with the hours in which the job has to wait."""
    done = (job.progress or {}).get("percent", 0) / 100
    left = remaining(row.p50, done, worked(job.when, row.made_at, moment))
    return night.window().after(moment, left) - moment if job.when == When.NIGHT else left
