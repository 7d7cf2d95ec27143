"""What webhooks are to be told, written in the transaction that makes it true.

So a crash leaves both the end of a job and its messages, or neither. Sending is the courier's.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import new_id, now
from workers.states import DeliveryStatus
from workers.tables import DeliveryRow, JobRow, WebhookRow

TEST = "webhook.test"


def announce_end(session: Session, job: JobRow) -> None:
    """A message to every webhook that wants to hear of this job's end."""
    active = select(WebhookRow).where(WebhookRow.active.is_(True))
    for webhook in session.scalars(active).all():
        if job.status in webhook.events and (not webhook.kinds or job.kind in webhook.kinds):
            post(session, webhook, f"job.{job.status}", _told(job), job.id)


def post(
    session: Session, webhook: WebhookRow, event: str, data: dict[str, Any], job_id: str | None
) -> DeliveryRow:
    """A message that is to go out at once."""
    moment = now(session)
    row = DeliveryRow(
        id=new_id("msg"),
        webhook_id=webhook.id,
        job_id=job_id,
        event=event,
        payload={"type": event, "timestamp": _iso(moment), "data": data},
        status=DeliveryStatus.PENDING,
        attempts=0,
        next_attempt_at=moment,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    return row


def _told(job: JobRow) -> dict[str, Any]:
    """No word of a document: who may read it asks for the job."""
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "collection_id": job.collection_id,
        "document_id": job.document_id,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": job.error,
    }


def _iso(moment: float) -> str:
    at = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")
