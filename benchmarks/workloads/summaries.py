"""Eight documents of four to six sections: every section summarised, then one summary of each.

Nobody waits, so it is throughput that counts: the seconds until the last summary is there.
"""

from collections.abc import Iterator

from benchmarks import models
from benchmarks.bench import Bench, Timings
from benchmarks.figures import Row, Sample
from benchmarks.peer import Peer
from benchmarks.servers import Setting
from benchmarks.workloads import one_at_a_time
from benchmarks.workloads.pipeline import DOCUMENTS, Size, made, sections, summarise

SETTINGS = (
    Setting(8, flash=True),
    Setting(8, flash=False),
    Setting(4, flash=False),
    Setting(4, flash=True),
    Setting(8, unified=True, flash=True),
    Setting(8, flash=False, extra=("-ub", "1024")),
    Setting(8, flash=True, extra=("-ub", "256")),
)
QUICK = 3  #: of the settings


def run(bench: Bench) -> Iterator[Row]:
    """Beside llama-server, and beside LangChain's stock and other one-at-a-time peers."""
    size = Size(bench.size(1_000, 250), bench.size(80, 32), bench.size(160, 64))

    def work(peer: Peer, number: int) -> Timings:
        return {"all": summarise(peer, made(bench, f"summaries-{number}", DOCUMENTS, size), size)}

    compared = bench.compare(work, SETTINGS[: QUICK if bench.quick else None], ["all"])
    name, best = compared.best("all")
    yield Row(
        "summaries",
        compared.times_faster("all"),
        1.3,
        "higher",
        f"llama-server {name}",
        f"{size}; {compared.detail('all')}; {_as_shipped(bench, size, name, best)}",
    )
    yield from one_at_a_time.rows(bench, size, compared.lectern["all"])


def _as_shipped(bench: Bench, size: Size, name: str, best: Sample) -> str:
    """What re-quantising alone brings: the best server on the file as it ships."""
    setting = next(one for one in SETTINGS if one.name == name)
    few = made(bench, "summaries-shipped", bench.size(DOCUMENTS, 2), size)
    with bench.server(setting, models.shipped()) as server:
        seconds = summarise(server, few, size)
    bench.tell(f"{server.name} on the shipped Q4_1: {seconds:.3g} s for {len(few)} documents")
    share = sections(made(bench, "summaries-shipped", DOCUMENTS, size)) / sections(few)
    note = "" if len(few) == DOCUMENTS else f", scaled from {len(few)} documents"
    scaled = seconds * share
    return (
        f"on the shipped Q4_1 file this server needs {scaled:.3g} s"
        f" ({scaled / best.middle:.2f} times as long{note})"
    )
