"""Brings messages to webhooks: claims what is due, has it sent, writes down what came of it.

At least once: a worker that dies after sending and before writing it down leaves a claim that runs
out, and the message is sent again. Receivers tell messages apart by `webhook-id`.
"""

import structlog
from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from ingest.database import now, reading, writing
from workers import sending
from workers.outbox import TEST
from workers.sending import Outcome, Parcel
from workers.states import DeliveryStatus
from workers.tables import DeliveryRow, WebhookRow

#: Pauses before a second, third, … attempt; after the last one the delivery has failed.
RETRY_DELAYS = (5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0)
#: A claim that was not settled for so long was lost with its worker.
CLAIM_SECONDS = 60.0
#: Sent at once; and to one webhook, so that one that hangs does not hold up the others.
AT_ONCE, AT_ONCE_EACH = 16, 4
KEPT_SECONDS = 30 * 24 * 3_600.0

log = structlog.get_logger()


def deliver() -> bool:
    """Send what is due; returns whether there was something."""
    parcels = _claimed() if _anything_due() else []
    if not parcels:
        return False
    outcomes = sending.send_all(parcels)
    with writing() as session:
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            _settle(session, parcel, outcome)
    return True


def tidy() -> bool:
    """Forget deliveries that ended long ago."""
    with writing() as session:
        old = DeliveryRow.created_at < now(session) - KEPT_SECONDS
        ended = DeliveryRow.status != DeliveryStatus.PENDING
        session.execute(delete(DeliveryRow).where(ended, old))
    return False


def _anything_due() -> bool:
    """Looked up before SQLite's one write lock is asked for: mostly there is nothing to do."""
    with reading() as session:
        return session.scalars(_next(now(session)).limit(1)).first() is not None


def _claimed() -> list[Parcel]:
    """Take what is due by compare-and-set: its next attempt is put off, should this one be lost."""
    with writing() as session:
        moment = now(session)
        taken = session.scalars(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(list(session.scalars(_next(moment)))), _due(moment))
            .values(attempts=DeliveryRow.attempts + 1, next_attempt_at=moment + CLAIM_SECONDS)
            .returning(DeliveryRow.id)
        )
        found = (
            select(DeliveryRow, WebhookRow)
            .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
            .where(DeliveryRow.id.in_(list(taken)))
        )
        return [
            Parcel(row.id, webhook.url, webhook.secret, row.payload, row.attempts, moment)
            for row, webhook in session.execute(found)
        ]


def _due(moment: float) -> ColumnElement[bool]:
    pending = DeliveryRow.status == DeliveryStatus.PENDING
    return pending & (DeliveryRow.next_attempt_at <= moment)


def _next(moment: float) -> Select[str]:
    """Ids of what may be sent now. A webhook that is held gets nothing but tests."""
    going = or_(WebhookRow.active.is_(True), DeliveryRow.event == TEST)
    place = func.row_number().over(
        partition_by=DeliveryRow.webhook_id, order_by=DeliveryRow.next_attempt_at
    )
    ranked = (
        select(DeliveryRow.id, DeliveryRow.next_attempt_at, place.label("place"))
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(_due(moment), going)
        .subquery()
    )
    few = select(ranked.c.id).where(ranked.c.place <= AT_ONCE_EACH)
    return few.order_by(ranked.c.next_attempt_at).limit(AT_ONCE)


def _settle(session: Session, parcel: Parcel, outcome: Outcome) -> None:
    row = session.get(DeliveryRow, parcel.id, with_for_update=True)
    if row is None or (row.status, row.attempts) != (DeliveryStatus.PENDING, parcel.attempt):
        return  # the webhook is gone, or somebody else has it by now
    row.response_code, row.response, row.error = outcome.code, outcome.response, outcome.error
    row.attempted_at, row.seconds = parcel.sent_at, outcome.seconds
    if outcome.delivered:
        row.status = DeliveryStatus.DELIVERED
        return
    log.info("webhook_not_delivered", delivery=row.id, attempt=row.attempts, code=outcome.code)
    if outcome.unwanted:
        session.get_one(WebhookRow, row.webhook_id).active = False
    if outcome.unwanted or row.event == TEST or row.attempts > len(RETRY_DELAYS):
        row.status = DeliveryStatus.FAILED
    else:
        row.next_attempt_at = now(session) + RETRY_DELAYS[row.attempts - 1]
