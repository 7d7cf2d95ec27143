"""Searching alone: the passages with their scores and the time of each stage."""

from collections.abc import Sequence

from ingest.filters import Filter
from ingest.passages import Scope
from ingest.search import find_surrounded
from workers import steps
from workers.jobs import Job, Step
from workers.work import Kind, Output, Plan, Progress, Work


def search(work: Work) -> Output:
    """Find passages, and what stands around them."""
    findings = find_surrounded(
        Scope(str(work.job.collection_id), only=Filter.of(work.job.params.get("filter"))),
        work.job.params["query"],
        work.job.params["limit"],
        work.tools.means,
    )
    with work.write() as session:
        there = steps.draw_on(session, work.step, (one.document_id for one in findings.passages))
    hits = [passage.public() for passage in findings.passages if passage.document_id in there]
    return Output({"hits": hits, "searched": findings.searched, "timings": findings.timings})


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """One step is all."""
    found = done[0].output
    return Plan(Progress(1 if found else 0, 1, "searching"), result=found)


SEARCH = Kind(runners={"search": search}, plan=plan)
