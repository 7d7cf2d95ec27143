"""Eight documents of four to six sections: every section summarised, then one summary of each.

Nobody waits, so it is throughput that counts: the seconds until the last summary is there.
"""

from collections.abc import Iterator

from benchmarks import models
from benchmarks.bench import Bench, Timings
from benchmarks.figures import Row, Sample
from benchmarks.machine import cores
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
    Setting(8, flash=False, extra=("-t", str(max(1, cores() // 2)))),
)
QUICK = 3  #: of the settings
TARGET = 1.3


def run(bench: Bench) -> Iterator[Row]:
    """Beside llama-server, and beside LangChain's stock and other one-at-a-time peers."""
    size = Size(bench.size(600, 250), bench.size(64, 32), bench.size(128, 64))

    def work(peer: Peer, number: int) -> Timings:
        return {"all": summarise(peer, made(bench, f"summaries-{number}", DOCUMENTS, size), size)}

    compared = bench.compare(work, SETTINGS[: QUICK if bench.quick else None], ["all"])
    name, _ = compared.best("all")
    ours = compared.lectern["all"]
    yield Row(
        "summaries",
        compared.times_faster("all"),
        TARGET,
        "higher",
        f"llama-server {name}, on the file that Lectern made for itself",
        f"{size}; {compared.detail('all')}",
    )
    yield _as_shipped(bench, size, name, ours)
    yield from one_at_a_time.rows(bench, size, ours)


def _as_shipped(bench: Bench, size: Size, name: str, ours: Sample) -> Row:
    """Beside the best server on the file as it ships, which is what its user would load."""
    setting = next(one for one in SETTINGS if one.name == name)
    few = made(bench, "summaries-shipped", bench.size(DOCUMENTS, 2), size)
    with bench.server(setting, models.shipped()) as server:
        seconds = summarise(server, few, size)
    bench.tell(f"{server.name} on the shipped Q4_1: {seconds:.3g} s for {len(few)} documents")
    share = sections(made(bench, "summaries-shipped", DOCUMENTS, size)) / sections(few)
    note = "" if len(few) == DOCUMENTS else f", scaled by sections from {len(few)} documents"
    return Row(
        "summaries_as_shipped",
        seconds * share / ours.middle,
        TARGET,
        "higher",
        f"llama-server {name}, on the GGUF as it ships",
        f"{size}; Lectern {ours}, on the file it made of it; server {seconds * share:.3g} s{note}",
    )
