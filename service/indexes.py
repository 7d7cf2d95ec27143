"""Collections as they are shown: with the index that is searched, and what is being made of it."""

from collections.abc import Sequence
from typing import Any

from ingest.records import Collection
from workers import fleet, jobs
from workers.jobs import Job, JobFilter
from workers.states import JobKind

MOST_OPEN = 500  #: reindexings that are looked at


def shown(collections: Sequence[Collection]) -> list[dict[str, Any]]:
    """Each with whether its index is by the embedder of the live workers, and its reindexing."""
    set_now = fleet.embedders()
    wanted = JobFilter(kind=JobKind.REINDEX, unfinished=True, limit=MOST_OPEN)
    making = {job.collection_id: job for job in jobs.listing(wanted)}
    return [_shown(one, set_now, making.get(one.id)) for one in collections]


def _shown(collection: Collection, set_now: set[str], job: Job | None) -> dict[str, Any]:
    told = collection.public()
    if told["index"] is not None:
        known = told["index"]["fingerprint"]
        told["index"] |= {
            "current": known in set_now if set_now else None,
            "reindex": job and {"job_id": job.id, "status": job.status, **job.progress},
        }
    return told
