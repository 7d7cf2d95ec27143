"""What a user is told about a job's time: what was estimated, what is left, what it really took.

How estimates are made is the workers' affair (`workers/estimates.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import now, reading
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


def outcomes(session: Session) -> Sequence[EstimateRow]:
    """The latest estimates of which it is known what came of them."""
    known = select(EstimateRow).where(EstimateRow.real_seconds.is_not(None))
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


def remaining(p50: float, done: float, elapsed: float) -> float:
    """Seconds until the end, when the share `done` of the work is done after `elapsed` seconds.

    The mean of what was estimated and of the job's own pace, which counts more the further it is.
    """
    left = 1.0 - done
    return left * (left * p50 + elapsed) if done else max(0.0, p50 - elapsed)


def _promise(row: EstimateRow, job: JobRow, moment: float) -> Promise:
    done = (job.progress or {}).get("percent", 0) / 100
    ended = job.finished_at is not None
    return Promise(
        made_at=row.made_at,
        steps=row.steps,
        kept=row.kept,
        prompt_tokens=row.prompt_tokens,
        written_tokens=row.written_tokens,
        p50=row.p50,
        p90=row.p90,
        remaining=None if ended else remaining(row.p50, done, moment - row.made_at),
        real=row.real_seconds,
    )
