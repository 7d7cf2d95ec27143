"""Webhooks: who hears how jobs end, and what was sent to them."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from service.deps import Closing, Identifier
from service.schemas import webhooks as schemas
from service.schemas.forms import Hold
from workers import fleet, webhooks
from workers.states import DeliveryStatus
from workers.webhooks import Delivery

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

#: A worker looks every second, and gives a receiver ten.
TEST_SECONDS = 15.0
LOOK_SECONDS = 0.25


@router.post("", status_code=201, response_model=schemas.MadeWebhook)
def create_webhook(new: schemas.NewWebhook) -> dict[str, Any]:
    """Have the ends of jobs told to a URL. The answer alone holds the secret.

    422 `bad_webhook_url` for one that nothing may be sent to.
    """
    made, secret = webhooks.create(new.url, new.events, new.kinds)
    return {**made.public(), "secret": secret}


@router.get("", response_model=schemas.Webhooks)
def list_webhooks() -> dict[str, Any]:
    """Every webhook, oldest first."""
    return {"webhooks": [found.public() for found in webhooks.listing()]}


@router.get("/{webhook_id}", response_model=schemas.Webhook)
def get_webhook(webhook_id: Identifier) -> dict[str, Any]:
    """One webhook."""
    return webhooks.get(webhook_id).public()


@router.patch("/{webhook_id}", response_model=schemas.Webhook)
def hold_webhook(webhook_id: Identifier, wanted: Hold) -> dict[str, Any]:
    """Hold a webhook's messages back, or let them go."""
    return webhooks.set_active(webhook_id, wanted.active).public()


@router.delete("/{webhook_id}", status_code=204)
def delete_webhook(webhook_id: Identifier) -> None:
    """Remove a webhook with the record of its deliveries."""
    webhooks.delete(webhook_id)


@router.post("/{webhook_id}/test", response_model=schemas.Delivery)
async def test_webhook(webhook_id: Identifier, closing: Closing) -> dict[str, Any]:
    """Have a worker send a `webhook.test` now, once, and wait for what comes of it.

    It is still `pending` in the answer if no worker took it in time.
    """
    sent = await run_in_threadpool(webhooks.test, webhook_id)
    return (await _settled(sent, closing)).public()


@router.get("/{webhook_id}/deliveries", response_model=schemas.Deliveries)
def list_deliveries(
    webhook_id: Identifier, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> dict[str, Any]:
    """What was sent to a webhook and is to be sent, newest first; kept for 30 days."""
    found = webhooks.deliveries(webhook_id, limit)
    return {"deliveries": [delivery.public() for delivery in found]}


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    status_code=202,
    response_model=schemas.Delivery,
)
def retry_delivery(webhook_id: Identifier, delivery_id: Identifier) -> dict[str, Any]:
    """Send it again, with the same `webhook-id` and all its attempts before it."""
    return webhooks.retry(webhook_id, delivery_id).public()


async def _settled(sent: Delivery, closing: asyncio.Event) -> Delivery:
    if not await run_in_threadpool(fleet.anybody):
        return sent
    looks = round(TEST_SECONDS / LOOK_SECONDS)
    while sent.status is DeliveryStatus.PENDING and looks and not closing.is_set():
        await asyncio.sleep(LOOK_SECONDS)
        sent = await run_in_threadpool(webhooks.delivery, sent.webhook_id, sent.id)
        looks -= 1
    return sent
