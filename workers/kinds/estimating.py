"""A dry run: what a job of another kind would take. Each kind says so itself."""

from collections.abc import Mapping

from workers.kinds import comparison, summary
from workers.states import JobKind
from workers.work import Kind, Output, Runner, Work

OF: Mapping[JobKind, Runner] = {
    JobKind.SUMMARY: summary.estimate,
    JobKind.COMPARE: comparison.estimate,
}


def estimate(work: Work) -> Output:
    """What the job would take that the dry run stands for."""
    return OF[JobKind(work.job.params.get("of", JobKind.SUMMARY))](work)


ESTIMATE = Kind(runners={"estimate": estimate}, plan=summary.planned_estimate)
