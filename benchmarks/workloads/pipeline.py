"""A document's summary: every section, then one of the whole. As jobs do it, without the jobs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import prompts
from benchmarks.bench import Bench
from benchmarks.clock import Question, ask, ask_together
from benchmarks.peer import Peer

DOCUMENTS = 8

Document = list[str]  #: its sections


@dataclass(frozen=True, slots=True)
class Size:
    """In tokens."""

    section: int
    answer: int  #: written for each section
    merged: int  #: written for the whole

    def __str__(self) -> str:
        """As the details tell it."""
        return (
            f"{DOCUMENTS} documents of 4–6 sections, {self.section} tokens each;"
            f" {self.answer} written for a section, {self.merged} for a document"
        )


def made(bench: Bench, seed: str, count: int, size: Size) -> list[Document]:
    """Distinct documents of four, five and six sections."""
    corpus = bench.corpus(seed)
    return [corpus.document(4 + number % 3, size.section) for number in range(count)]


def sections(documents: Sequence[Document]) -> int:
    """How many there are in all."""
    return sum(map(len, documents))


def summarise(peer: Peer, documents: Sequence[Document], size: Size) -> float:
    """Summarise all at once; seconds until the last is done."""

    def one(document: Document) -> tuple[float, float]:
        questions = [Question(prompts.section(text), size.answer, True) for text in document]
        parts = ask_together(peer, questions)
        merged = Question(prompts.merge([part.text for part in parts]), size.merged, True)
        return min(part.asked for part in parts), ask(peer, merged).ended

    with ThreadPoolExecutor(len(documents)) as pool:
        times = list(pool.map(one, documents))
    return max(ended for _, ended in times) - min(asked for asked, _ in times)
