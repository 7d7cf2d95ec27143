"""The shapes of webhooks and of what was sent to them."""

from typing import Literal

from pydantic import Field

from service.schemas.forms import Answering, Asking
from workers.states import DeliveryStatus, JobKind, JobStatus

End = Literal[JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]
EVERY_END: list[End] = [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]


class NewWebhook(Asking):
    """Where to tell how jobs end, and which."""

    url: str = Field(description="http or https; no user name or password in it")
    events: list[End] = Field(EVERY_END, min_length=1, description="ends that are told")
    kinds: list[JobKind] = Field([], description="of jobs; none: every kind")


class Webhook(Answering):
    """Somebody outside who hears how jobs end."""

    id: str
    url: str
    events: list[str]
    kinds: list[str] = Field(description="of jobs; none: every kind")
    active: bool = Field(description="false: messages are held back")
    created_at: float


class MadeWebhook(Webhook):
    """A new webhook."""

    secret: str = Field(description="messages are signed with it; shown this once")


class Webhooks(Answering):
    """Every webhook, oldest first."""

    webhooks: list[Webhook]


class Delivery(Answering):
    """One message to a webhook, and what came of it."""

    id: str = Field(description="the receiver's webhook-id, the same at every attempt")
    webhook_id: str
    job_id: str | None
    event: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: float | None
    response_code: int | None
    response: str | None = Field(description="how the answer began")
    error: str | None
    created_at: float
    attempted_at: float | None
    seconds: float | None = Field(description="that the last attempt took")


class Deliveries(Answering):
    """What was sent to a webhook and is to be sent, newest first."""

    deliveries: list[Delivery]
