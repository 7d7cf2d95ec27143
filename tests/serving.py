"""The service without workers: jobs end as the tests say, on a real connection and a real Redis."""

import threading
import time
from collections.abc import Callable
from typing import Any

from ingest import library
from ingest.database import writing
from workers import events, jobs, usage
from workers.states import JobStatus
from workers.tables import JobRow

ANSWER = {
    "answer": "On Monday.",
    "mode": "written",
    "refused": False,
    "draft": None,
    "sentences": [{"text": "On Monday.", "verified": True, "citations": [1], "disputed": []}],
    "citations": [],
    "nearest": [],
    "conversation_id": "conv_1",
    "searched": {"documents": 1, "passages": 4, "best_score": 0.5},
    "usage": usage.total([{"prompt_tokens": 1}]),
    "timings": {"total_ms": 5},
}


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def collection() -> str:
    with writing() as session:
        return library.create_collection(session, "Minutes").id


def end(job_id: str, status: JobStatus, **fields: Any) -> None:
    with writing() as session:
        row = session.get_one(JobRow, job_id)
        row.status = status
        for name, value in fields.items():
            setattr(row, name, value)
    events.tell_outcome(jobs.get(job_id))


def newest_job() -> str | None:
    found = jobs.listing(jobs.JobFilter(limit=1))
    return found[0].id if found else None


def answering(status: JobStatus, **fields: Any) -> threading.Thread:
    """What a worker would do: end the next question or search."""

    waiting = jobs.JobFilter(unfinished=True, limit=1)

    def work() -> None:
        until(lambda: jobs.listing(waiting))
        (job,) = jobs.listing(waiting)
        end(job.id, status, **fields)

    thread = threading.Thread(target=work)
    thread.start()
    return thread
