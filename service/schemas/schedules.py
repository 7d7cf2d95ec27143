"""The shapes of schedules."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.forms import Answering, Asking, ErrorCode, Id, Priority
from service.schemas.jobs import FormRequest


class SummaryErrand(FormRequest):
    """Summarise one document."""

    kind: Literal["summary"]
    document_id: Id


class SummariesErrand(FormRequest):
    """Summarise every document of a collection whose current version has no summary yet."""

    kind: Literal["summaries"]
    collection_id: Id


class WatchErrand(Asking):
    """Add what is new or changed in a folder of the workers' host, and read it."""

    kind: Literal["watch"]
    collection_id: Id
    folder: str = Field(
        min_length=1,
        max_length=1_000,
        pattern=r"^[^\x00]*$",
        description="inside one of LECTERN_WATCH_FOLDERS",
    )
    priority: Priority = 0


class MailErrand(Asking):
    """Add what is new in a mailbox, and read it; attachments become documents of their own."""

    kind: Literal["mail"]
    collection_id: Id
    mailbox: str = Field(
        min_length=1, max_length=100, description="one that LECTERN_MAILBOXES names"
    )
    priority: Priority = 0


Errand = Annotated[
    SummaryErrand | SummariesErrand | WatchErrand | MailErrand,
    Field(discriminator="kind"),
]


class NewSchedule(Asking):
    """Something to be asked for again and again."""

    name: str = Field(min_length=1, max_length=200)
    cron: str = Field(max_length=200, description="minute hour day month weekday")
    timezone: str = Field("", max_length=100, description="empty: LECTERN_TIMEZONE")
    what: Errand


class Schedule(Answering):
    """Something that is asked for again and again, and what came of it."""

    id: str
    name: str
    cron: str
    timezone: str
    what: dict[str, Any]
    owner: str
    active: bool
    running: bool
    created_at: float
    next_run_at: float | None
    last_run_at: float | None
    last_outcome: dict[str, Any] | None = Field(
        description="jobs; of a folder or mailbox: added, failures, …"
    )
    last_error: ErrorCode | None


class Schedules(Answering):
    """Every schedule, oldest first."""

    schedules: list[Schedule]
