"""The workloads: each module runs one and says its rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Row
from benchmarks.workloads import (
    chat_under_load,
    first_question,
    followups,
    four_users,
    knowledge_base,
    overhead,
    roofline,
    service,
    summaries,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """A named measurement."""

    name: str
    run: Callable[[Bench], Iterator[Row]]
    only_full: bool = False  #: too long for a quick run


WORKLOADS = (
    Workload("summaries", summaries.run),
    Workload("followups", followups.run),
    Workload("first_question", first_question.run),
    Workload("four_users", four_users.run),
    Workload("chat_under_load", chat_under_load.run),
    Workload("knowledge_base", knowledge_base.run),
    Workload("scheduler_overhead", overhead.run),
    Workload("roofline", roofline.run),
    Workload("summaries_service", service.run, only_full=True),
)
