"""Schedules: what is asked for again and again."""

from typing import Any

from fastapi import APIRouter

from service.deps import Identifier, Owner
from service.schemas import schedules as schemas
from service.schemas.forms import Hold
from workers import schedules
from workers.schedules import Timing

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])


@router.post("", status_code=201, response_model=schemas.Schedule)
def create_schedule(new: schemas.NewSchedule, owner: Owner) -> dict[str, Any]:
    """Have something asked for again and again.

    422 `bad_schedule`, `unknown_timezone`, `watching_off`, `folder_refused` or `unknown_mailbox`,
    404 for what it is to be about.
    """
    what = new.what.model_dump(mode="json")
    made = schedules.create(new.name, Timing(new.cron, new.timezone), what, owner)
    return made.public()


@router.get("", response_model=schemas.Schedules)
def list_schedules() -> dict[str, Any]:
    """Every schedule, oldest first."""
    return {"schedules": [found.public() for found in schedules.listing()]}


@router.get("/{schedule_id}", response_model=schemas.Schedule)
def get_schedule(schedule_id: Identifier) -> dict[str, Any]:
    """One schedule, with what its last run came to."""
    return schedules.get(schedule_id).public()


@router.patch("/{schedule_id}", response_model=schemas.Schedule)
def hold_schedule(schedule_id: Identifier, wanted: Hold) -> dict[str, Any]:
    """Let a schedule rest, or go on."""
    return schedules.set_active(schedule_id, wanted.active).public()


@router.delete("/{schedule_id}", status_code=204)
def delete_schedule(schedule_id: Identifier) -> None:
    """Remove a schedule; what it has asked for stays."""
    schedules.delete(schedule_id)


@router.post("/{schedule_id}/run", status_code=202, response_model=schemas.Schedule)
def run_schedule(schedule_id: Identifier) -> dict[str, Any]:
    """Have a worker run it within seconds, also while it rests."""
    return schedules.run_now(schedule_id).public()
