"""The summaries again on peers that take one request at a time: some documents tell of all."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment
from benchmarks.apart import apart
from benchmarks.bench import SLOT_TOKENS, Bench
from benchmarks.errors import PeerMissing
from benchmarks.figures import Row, Sample, unmeasured
from benchmarks.peer import Peer
from benchmarks.servers import python_server
from benchmarks.stock import LangChain, Transformers
from benchmarks.workloads.pipeline import DOCUMENTS, Document, Size, made, sections, summarise

Make = Callable[[Path, int], Peer]


@dataclass(frozen=True, slots=True)
class Solo:
    """A peer, and by how much it should be beaten."""

    row: str
    peer: str
    target: float
    make: Make  #: from the model and the number of threads
    documents: int = 2  #: summarised in a full run


def _langchain(model: Path, _: int) -> Peer:
    return LangChain(model, SLOT_TOKENS)


def _langchain_tuned(model: Path, threads: int) -> Peer:
    many = {"n_ubatch": 512, "n_threads_batch": threads, "rope_freq_base": 0.0}
    return LangChain(
        model, SLOT_TOKENS, {"n_batch": 512, "n_threads": threads, "model_kwargs": many}
    )


def _python_server(model: Path, threads: int) -> Peer:
    return python_server(model, context=SLOT_TOKENS, threads=threads)


STOCK = Solo("summaries_langchain", "LangChain ChatLlamaCpp, defaults", 3.0, _langchain)
OTHERS = (
    Solo("summaries_langchain_tuned", "LangChain ChatLlamaCpp, tuned", 1.3, _langchain_tuned),
    Solo("summaries_python_server", "llama_cpp.server", 1.3, _python_server),
    Solo("summaries_transformers", "transformers, float32", 1.3, Transformers, documents=1),
)


def rows(bench: Bench, size: Size, lectern: Sample) -> Iterator[Row]:
    """LangChain as it comes, and in a full run the others."""
    for solo in (STOCK,) if bench.quick else (STOCK, *OTHERS):
        row = Row(solo.row, None, solo.target, "higher", solo.peer, "")
        try:
            yield _row(bench, solo, size, lectern)
        except PeerMissing as reason:
            yield unmeasured(row, reason)


def _row(bench: Bench, solo: Solo, size: Size, lectern: Sample) -> Row:
    few = made(bench, "summaries-solo", bench.size(solo.documents, 1), size)
    with environment.taken_back():
        seconds = apart(_measure, solo.make, bench.model, bench.threads, few, size)
    bench.tell(f"{solo.peer}: {seconds:.3g} s for {len(few)} of {DOCUMENTS} documents")
    share = sections(made(bench, "summaries-solo", DOCUMENTS, size)) / sections(few)
    scaled = seconds * share
    detail = (
        f"{size}; Lectern {lectern}; the peer takes one request at a time: {scaled:.4g} s,"
        f" scaled by sections from {seconds:.3g} s for {len(few)} (one run)"
    )
    return Row(solo.row, scaled / lectern.middle, solo.target, "higher", solo.peer, detail)


def _measure(make: Make, model: Path, threads: int, few: list[Document], size: Size) -> float:
    with closing(make(model, threads)) as peer:
        return summarise(peer, few, size)
