"""The tables of the job model. The database, not the broker, knows what runs next."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.database import Table


class JobRow(Table):
    """What a user asked for."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_open", "status", "lane", "priority", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    status: Mapped[str]
    lane: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0)  #: higher runs earlier
    owner: Mapped[str] = mapped_column(default="", server_default=text("''"), index=True)
    when: Mapped[str] = mapped_column(default="now", server_default="now")
    collection_id: Mapped[str | None] = mapped_column(index=True)
    document_id: Mapped[str | None] = mapped_column(index=True)
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    cancel_requested_at: Mapped[float | None]


class StepRow(Table):
    """The unit that one Celery task runs: resumable, idempotent, claimed under a lease."""

    __tablename__ = "steps"
    __table_args__ = (
        Index("ix_steps_open", "status", "lane"),
        Index("ix_steps_of_job", "job_id", "kind", "ordinal", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str]
    ordinal: Mapped[int] = mapped_column(default=0)
    lane: Mapped[str]
    status: Mapped[str]
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    output: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    model: Mapped[str | None]  #: fingerprint of the last worker that took it
    fence: Mapped[int] = mapped_column(default=0)  #: grows with every claim; guards every write
    claims: Mapped[int] = mapped_column(default=0)  #: how often a worker began it
    lost: Mapped[int] = mapped_column(default=0)  #: how often a lease ran out
    retries: Mapped[int] = mapped_column(default=0)  #: how often it was given back after a fault
    lease_owner: Mapped[str | None]
    lease_until: Mapped[float | None]
    not_before: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float]
    published_at: Mapped[float | None]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]


class JobDocumentRow(Table):
    """Which documents a job drew on, so that deleting a document removes what was made of it."""

    __tablename__ = "job_documents"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    document_id: Mapped[str] = mapped_column(primary_key=True, index=True)


class CheckpointRow(Table):
    """The output of a finished step under its content key: what is paid for once."""

    __tablename__ = "checkpoints"

    key: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(index=True)
    output: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[float]


class EstimateRow(Table):
    """What was said that a job would take, and what it took."""

    __tablename__ = "estimates"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    made_at: Mapped[float] = mapped_column(index=True)
    steps: Mapped[int]
    kept: Mapped[int]  #: steps whose output was there already
    prompt_tokens: Mapped[int]
    written_tokens: Mapped[int]  #: at most
    work: Mapped[float]  #: seconds by the formula, for itself
    wait: Mapped[float]  #: and for others
    p50: Mapped[float]  #: seconds from `made_at`
    p90: Mapped[float]
    real_seconds: Mapped[float | None]  #: from `made_at`; None unless the job succeeded


class WorkerRow(Table):
    """A live worker process, as its heartbeat last said."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    process_started: Mapped[float]  #: tells a process from a later one with the same pid
    model: Mapped[str]  #: fingerprint
    #: Fingerprint; empty as long as no worker of this version has said it.
    embedder: Mapped[str] = mapped_column(default="", server_default=text("''"))
    batch_slots: Mapped[int]
    interactive_slots: Mapped[int]
    seen_at: Mapped[float]
    #: Its load, if it has one. Of a row without a model, which is no worker: why none could start.
    engine: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    #: For people, by the names of `fleet.Seen`: the model's name, whether it leaves, its node.
    about: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class ConversationRow(Table):
    """A chat over one collection."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(primary_key=True)
    collection_id: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    created_at: Mapped[float]


class TurnRow(Table):
    """One question and its answer. The job keeps the citations."""

    __tablename__ = "turns"
    __table_args__ = (Index("ix_turns_order", "conversation_id", "created_at"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    question: Mapped[str]
    answer: Mapped[str | None]
    refused: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]


class WebhookRow(Table):
    """Somebody outside who wants to hear how jobs end."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]  #: what deliveries are signed with; has to be readable for that
    events: Mapped[list[str]] = mapped_column(JSON)  #: ends that are told: succeeded, failed, …
    kinds: Mapped[list[str]] = mapped_column(JSON)  #: of jobs; none: every kind
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[float]


class DeliveryRow(Table):
    """One message to a webhook: written with what it tells, sent later, kept for a while."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "status", "next_attempt_at"),
        Index("ix_deliveries_of_webhook", "webhook_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    job_id: Mapped[str | None]  #: may be gone when the message goes out; None for a test
    event: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)  #: begun; tells a lost claim from a held one
    next_attempt_at: Mapped[float]  #: while one runs: when it counts as lost
    response_code: Mapped[int | None]
    response: Mapped[str | None]  #: how the answer began
    error: Mapped[str | None]
    created_at: Mapped[float]
    attempted_at: Mapped[float | None]
    seconds: Mapped[float | None]  #: that the last attempt took


class ScheduleRow(Table):
    """Something that is to be asked for again and again."""

    __tablename__ = "schedules"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    cron: Mapped[str]
    timezone: Mapped[str]  #: empty: that of the settings
    what: Mapped[dict[str, Any]] = mapped_column(JSON)
    owner: Mapped[str]
    active: Mapped[bool]
    created_at: Mapped[float]
    next_run_at: Mapped[float | None] = mapped_column(index=True)  #: None: not by itself
    running_until: Mapped[float | None]  #: lease of the worker that runs it, and its fence
    last_run_at: Mapped[float | None]
    last_outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    last_error: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class WatchedFileRow(Table):
    """A file of a watched folder that need not be looked into again until it changes."""

    __tablename__ = "watched_files"

    schedule_id: Mapped[str] = mapped_column(
        ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = mapped_column(primary_key=True)  #: from the folder
    size: Mapped[int] = mapped_column(BigInteger)  #: bytes
    changed_at: Mapped[float]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)  #: why it could not be taken in
    document_id: Mapped[str | None]  #: what it became; may have been deleted since
