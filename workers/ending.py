"""The one place where a job ends, however it ends: its last state, and who is told of it."""

from sqlalchemy.orm import Session

from ingest.errors import LecternError
from workers import outbox
from workers.states import JobStatus
from workers.tables import JobRow


def end(
    session: Session, row: JobRow, status: JobStatus, error: LecternError | None, moment: float
) -> None:
    """Bring the job to a final state, inside the caller's transaction."""
    row.status, row.finished_at = status, moment
    row.error = {"code": error.code, "message": str(error)} if error else None
    session.flush()
    outbox.announce_end(session, row)
