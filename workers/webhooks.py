"""The door to webhooks: who hears how jobs end, and what has been sent to them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import new_id, now, reading, writing
from workers import outbox, receivers, signature
from workers.errors import DeliveryNotFound, WebhookNotFound
from workers.settings import settings
from workers.states import DeliveryStatus, JobKind, JobStatus
from workers.tables import DeliveryRow, WebhookRow


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody outside who wants to hear how jobs end."""

    id: str
    url: str
    events: list[str]  #: ends that are told: succeeded, failed, cancelled
    kinds: list[str]  #: of jobs; none: every kind
    active: bool
    created_at: float

    def public(self) -> dict[str, Any]:
        """The webhook as the REST interface shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to a webhook, and what came of it."""

    id: str  #: the receiver's `webhook-id`: the same at every attempt
    webhook_id: str
    job_id: str | None
    event: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: float | None  #: None once nothing more is tried
    response_code: int | None
    response: str | None  #: how the answer began
    error: str | None
    created_at: float
    attempted_at: float | None
    seconds: float | None  #: that the last attempt took

    def public(self) -> dict[str, Any]:
        """The delivery as the REST interface shows it."""
        return asdict(self)


def create(url: str, events: Sequence[JobStatus], kinds: Sequence[JobKind]) -> tuple[Webhook, str]:
    """A new webhook, and its secret, which is never shown again. Raises WebhookUrlRefused."""
    receivers.checked_url(url, settings().webhook_receivers)
    secret = signature.new_secret()
    with writing() as session:
        row = WebhookRow(
            id=new_id("hook"),
            url=url,
            secret=secret,
            events=list(dict.fromkeys(events)),
            kinds=list(dict.fromkeys(kinds)),
            active=True,
            created_at=now(session),
        )
        session.add(row)
        return _webhook(row), secret


def listing() -> list[Webhook]:
    """Every webhook, oldest first."""
    with reading() as session:
        ordered = select(WebhookRow).order_by(WebhookRow.created_at, WebhookRow.id)
        return [_webhook(row) for row in session.scalars(ordered)]


def get(webhook_id: str) -> Webhook:
    """One webhook. Raises WebhookNotFound."""
    with reading() as session:
        return _webhook(_row(session, webhook_id))


def set_active(webhook_id: str, active: bool) -> Webhook:
    """Hold a webhook's messages back, or let them go. Raises WebhookNotFound."""
    with writing() as session:
        row = _row(session, webhook_id)
        row.active = active
        return _webhook(row)


def delete(webhook_id: str) -> None:
    """Remove a webhook and the record of its deliveries. Raises WebhookNotFound."""
    with writing() as session:
        session.delete(_row(session, webhook_id))


def test(webhook_id: str) -> Delivery:
    """Have a worker send a message that says nothing, once. Raises WebhookNotFound."""
    with writing() as session:
        webhook = _row(session, webhook_id)
        return _delivery(outbox.post(session, webhook, outbox.TEST, {"id": webhook.id}, None))


def deliveries(webhook_id: str, limit: int = 50) -> list[Delivery]:
    """What was sent and is to be sent, newest first. Raises WebhookNotFound."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id)
    newest = query.order_by(DeliveryRow.created_at.desc(), DeliveryRow.id).limit(limit)
    with reading() as session:
        _row(session, webhook_id)
        return [_delivery(row) for row in session.scalars(newest)]


def delivery(webhook_id: str, delivery_id: str) -> Delivery:
    """One delivery. Raises DeliveryNotFound."""
    with reading() as session:
        return _delivery(_delivery_row(session, webhook_id, delivery_id))


def retry(webhook_id: str, delivery_id: str) -> Delivery:
    """Send it again at once, with all its attempts before it. Raises DeliveryNotFound."""
    with writing() as session:
        row = _delivery_row(session, webhook_id, delivery_id)
        row.status, row.attempts, row.next_attempt_at = DeliveryStatus.PENDING, 0, now(session)
        return _delivery(row)


def _row(session: Session, webhook_id: str) -> WebhookRow:
    row = session.get(WebhookRow, webhook_id)
    if row is None:
        raise WebhookNotFound(id=webhook_id)
    return row


def _delivery_row(session: Session, webhook_id: str, delivery_id: str) -> DeliveryRow:
    row = session.get(DeliveryRow, delivery_id)
    if row is None or row.webhook_id != webhook_id:
        raise DeliveryNotFound(id=delivery_id)
    return row


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(**{field.name: getattr(row, field.name) for field in fields(Webhook)})


def _delivery(row: DeliveryRow) -> Delivery:
    held = {field.name: getattr(row, field.name) for field in fields(Delivery)}
    held["status"] = DeliveryStatus(row.status)
    if row.status != DeliveryStatus.PENDING:
        held["next_attempt_at"] = None
    return Delivery(**held)
