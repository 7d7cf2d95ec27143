"""A dry run: what a job of another kind would take. Each kind says so itself."""

from collections.abc import Mapping, Sequence

from workers.jobs import Job, Step
from workers.kinds import comparison, digest, extract, outlining, reindexing
from workers.states import JobKind
from workers.work import Kind, Output, Plan, Progress, Runner, Work

OF: Mapping[JobKind, Runner] = {
    JobKind.SUMMARY: outlining.estimate,
    JobKind.DIGEST: digest.estimate,
    JobKind.COMPARE: comparison.estimate,
    JobKind.EXTRACT: extract.estimate,
    JobKind.REINDEX: reindexing.estimate,
}


def estimate(work: Work) -> Output:
    """What the job would take that the dry run stands for."""
    return OF[JobKind(work.job.params["of"])](work)


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """One step is all."""
    found = done[0].output
    return Plan(Progress(1 if found else 0, 1, "estimating"), result=found)


ESTIMATE = Kind(runners={"estimate": estimate}, plan=plan)
