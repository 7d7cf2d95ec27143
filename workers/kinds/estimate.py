"""What a job of another kind would take, found out while a person waits for it."""

from collections.abc import Callable, Mapping, Sequence

from workers.jobs import Job, Step
from workers.kinds import extract, outlining
from workers.states import JobKind
from workers.work import Kind, Output, Plan, Progress, Work

#: By what is estimated: the kind's own look at the documents, without the work.
ESTIMATED: Mapping[JobKind, Callable[[Work], Output]] = {
    JobKind.SUMMARY: outlining.estimate,
    JobKind.EXTRACT: extract.estimate,
}


def estimate(work: Work) -> Output:
    """The estimate of what `params["of"]` names, or of a summary."""
    return ESTIMATED[JobKind(work.job.params.get("of", JobKind.SUMMARY))](work)


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """One step is all."""
    found = done[0].output
    return Plan(Progress(1 if found else 0, 1, "estimating"), result=found)


ESTIMATE = Kind(runners={"estimate": estimate}, plan=plan)
