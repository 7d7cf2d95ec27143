"""The kinds of jobs, and where jobs and steps may stand.

Job    queued → running → succeeded | failed | cancelled,  running → cancelling → cancelled
Step   ready → published → running → done | failed | cancelled | poisoned
       and back to ready when a publication or a lease is lost, or a fault may pass

Terminal states are final. A step that is done is never claimed again.
"""

from enum import StrEnum


class JobKind(StrEnum):
    """What can be asked for."""

    READ = "read"
    SUMMARY = "summary"
    DIGEST = "digest"
    EXTRACT = "extract"
    ESTIMATE = "estimate"
    QUESTION = "question"
    SEARCH = "search"
    DELETE = "delete"
    COMPARE = "compare"
    REINDEX = "reindex"


class Lane(StrEnum):
    """Who waits for it: a person now, or nobody in particular."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class When(StrEnum):
    """When a job of the batch lane may run."""

    NOW = "now"
    NIGHT = "night"  #: inside the window that LECTERN_NIGHT opens


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """Where a step stands."""

    READY = "ready"
    PUBLISHED = "published"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    POISONED = "poisoned"


class DeliveryStatus(StrEnum):
    """Where a message to a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})
#: A job whose steps may run.
WANTED = (JobStatus.QUEUED, JobStatus.RUNNING)
UNSTARTED = (StepStatus.READY, StepStatus.PUBLISHED)
