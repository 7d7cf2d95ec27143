"""What happens to a job when one of its steps ends: more steps, its result, or its end.

Each function runs inside the transaction that ended the step, so a crash leaves either both or
neither. It returns the job if there is something to `tell` the world after the commit, and None
if another step has ended the job before: an end is told once.
"""

import structlog
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from ingest.database import now
from ingest.errors import LecternError
from workers import ending, events, steps
from workers.errors import Cancelled
from workers.jobs import Job, Step, job_of, planned_steps
from workers.kinds import KINDS
from workers.openings import FIRST_STEP, NOTHING_DONE, new_step
from workers.states import UNSTARTED, WANTED, JobKind, JobStatus, StepStatus
from workers.tables import JobRow, StepRow

#: How often a job begins anew because it came to another model with less room.
BEGINNINGS = 3

log = structlog.get_logger()


def advance(session: Session, row: JobRow) -> Job | None:
    """Plan what follows a finished step."""
    if row.status not in WANTED:
        return end_when_idle(session, row)
    plan = KINDS[job_of(row).kind].plan(job_of(row), planned_steps(session, row.id))
    row.progress = plan.progress.public()
    moment = now(session)
    for step in plan.steps:
        session.add(new_step(row, step.kind, step.ordinal, step.input, moment))
    if plan.result is not None:
        row.result = plan.result
        _end(session, row, JobStatus.SUCCEEDED, None)
    return job_of(row)


def put_back(session: Session, step: Step, error: LecternError | None) -> Job | None:
    """Let go of a held step that has not been done.

    It waits for another try while its job is wanted and it has tries left; `error` says what one
    of them costs.
    """
    if steps.held_job(session, step).status not in WANTED:
        row = steps.give_up(session, step, StepStatus.CANCELLED, error or Cancelled())
        return end_when_idle(session, row)
    if steps.give_back(session, step, error) or error is None:
        return None
    return give_up(session, step, error)


def give_up(session: Session, step: Step, error: LecternError) -> Job | None:
    """Let go of a held step that can't be done, and of its job."""
    return fail(session, steps.give_up(session, step, StepStatus.FAILED, error), error)


def outgrown(session: Session, step: Step, error: LecternError) -> Job | None:
    """Let go of a held step that its model has no room for.

    When another model planned the job, as before a change of the model, it begins anew and is
    planned for this one; what is kept under content keys is not paid for again.
    """
    row, mine = steps.held_job(session, step), session.get_one(StepRow, step.id).model
    first = session.scalars(_first(row)).one()
    if row.status not in WANTED or first.model in {None, mine} or first.retries >= BEGINNINGS:
        return give_up(session, step, error)
    again = new_step(row, first.kind, 0, first.input, now(session))
    again.retries = first.retries + 1
    session.execute(delete(StepRow).where(StepRow.job_id == row.id))
    session.add(again)
    row.progress = NOTHING_DONE
    log.info("job_begins_anew", job=row.id, reason=str(error))
    return job_of(row)


def _first(row: JobRow) -> Select[StepRow]:
    kind = FIRST_STEP[JobKind(row.kind)]
    return select(StepRow).where(StepRow.job_id == row.id, StepRow.kind == kind)


def fail(session: Session, row: JobRow, error: LecternError) -> Job | None:
    """End the job: one of its steps can't be done. What runs of it elsewhere will notice."""
    if row.status not in WANTED:
        return end_when_idle(session, row)
    session.execute(
        update(StepRow)
        .where(StepRow.job_id == row.id, StepRow.status.in_(UNSTARTED))
        .values(status=StepStatus.CANCELLED, finished_at=now(session))
    )
    _end(session, row, JobStatus.FAILED, error)
    return job_of(row)


def end_when_idle(session: Session, row: JobRow) -> Job | None:
    """Finish cancelling once no step of the job runs any more."""
    running = select(StepRow.id).where(
        StepRow.job_id == row.id, StepRow.status == StepStatus.RUNNING
    )
    if row.status != JobStatus.CANCELLING or session.scalars(running).first() is not None:
        return None
    _end(session, row, JobStatus.CANCELLED, Cancelled())
    return job_of(row)


def reclaim(session: Session) -> list[Job]:
    """Take back lost steps and settle the jobs that end by it."""
    rows = [session.get_one(JobRow, job_id) for job_id in steps.reclaim(session)]
    settled = [_after_loss(session, row) for row in rows]
    return [job for job in settled if job is not None]


def _after_loss(session: Session, row: JobRow) -> Job | None:
    poisoned = select(StepRow).where(
        StepRow.job_id == row.id, StepRow.status == StepStatus.POISONED
    )
    step = session.scalars(poisoned).first()
    return fail(session, row, _Recorded(step.error or {})) if step else end_when_idle(session, row)


def tell(job: Job | None) -> None:
    """After the commit: progress, or how the job ended and what remains to be tidied."""
    if job is None:
        return
    if not job.finished:
        events.emit(job.id, "progress", job.progress)
        return
    events.tell_outcome(job)
    KINDS[job.kind].afterwards(job)


class _Recorded(LecternError):
    """{message}"""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(message=error.get("message", "The step was lost."))
        self.code = error.get("code", "step_poisoned")


def _end(session: Session, row: JobRow, status: JobStatus, error: LecternError | None) -> None:
    ending.end(session, row, status, error, now(session))
    KINDS[job_of(row).kind].settle(session, job_of(row), error)
