"""What happens to a job when one of its steps ends: more steps, its result, or its end.

Each function runs inside the transaction that ended the step, so a crash leaves either both or
neither; what the world is told follows after the commit.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ingest.database import now
from ingest.errors import LecternError
from workers import events
from workers.errors import Cancelled
from workers.jobs import TERMINAL, UNSTARTED, Job, JobStatus, StepStatus, job_of, step_of
from workers.kinds import KINDS
from workers.submit import new_step
from workers.tables import JobRow, StepRow


def advance(session: Session, row: JobRow) -> Job:
    """Plan what follows a finished step."""
    if JobStatus(row.status) in TERMINAL:
        return job_of(row)
    if row.status == JobStatus.CANCELLING:
        return end_when_idle(session, row)
    query = select(StepRow).where(StepRow.job_id == row.id)
    steps = [step_of(each) for each in session.scalars(query.order_by(StepRow.created_at))]
    kind = KINDS[job_of(row).kind]
    plan = kind.plan(job_of(row), steps)
    row.progress = plan.progress.public()
    moment = now(session)
    for step in plan.steps:
        session.add(new_step(row, step.kind, step.ordinal, step.input, moment))
    if plan.result is not None:
        row.result = plan.result
        _end(session, row, JobStatus.SUCCEEDED, None)
    return job_of(row)


def fail(session: Session, row: JobRow, error: LecternError) -> Job:
    """End the job: one of its steps can't be done. What runs of it elsewhere will notice."""
    if JobStatus(row.status) not in TERMINAL:
        session.execute(
            update(StepRow)
            .where(StepRow.job_id == row.id, StepRow.status.in_(UNSTARTED))
            .values(status=StepStatus.CANCELLED, finished_at=now(session))
        )
        _end(session, row, JobStatus.FAILED, error)
    return job_of(row)


def end_when_idle(session: Session, row: JobRow) -> Job:
    """Finish cancelling once no step of the job runs any more."""
    running = select(StepRow.id).where(
        StepRow.job_id == row.id, StepRow.status == StepStatus.RUNNING
    )
    if row.status == JobStatus.CANCELLING and session.scalars(running).first() is None:
        _end(session, row, JobStatus.CANCELLED, Cancelled())
    return job_of(row)


def after_loss(session: Session, row: JobRow) -> Job:
    """Settle a job some of whose steps were lost with their worker."""
    poisoned = select(StepRow).where(
        StepRow.job_id == row.id, StepRow.status == StepStatus.POISONED
    )
    step = session.scalars(poisoned).first()
    if step is None:
        return end_when_idle(session, row)
    return fail(session, row, _Recorded(step.error or {}))


def tell(job: Job) -> None:
    """After the commit: progress, or how it ended and what remains to be tidied."""
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
    row.status, row.finished_at = status, now(session)
    row.error = {"code": error.code, "message": str(error)} if error else None
    session.flush()
    KINDS[job_of(row).kind].settle(session, job_of(row), error)
