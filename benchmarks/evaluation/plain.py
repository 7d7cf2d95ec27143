"""What Lectern's finding is measured beside, over the same pages.

`stock`: LangChain's RecursiveCharacterTextSplitter (1,000 characters, 200 shared), the same
embedder, Chroma's nearest. `words`: the same pieces by BM25 (Robertson and Zaragoza, 2009), each
word of the question counting, CJK text as overlapping pairs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from benchmarks.evaluation.layouts import Place
from benchmarks.evaluation.shelf import Shelf
from ingest.filters import WHOLE, Part
from ingest.vectors import Entry, VectorIndex
from ingest.words import words

SIZE, SHARED = 1_000, 200
COLLECTION = "stock"
BATCH = 256
K1, B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Piece:
    """A part that the splitter made."""

    place: Place
    text: str


def pieces(shelf: Shelf) -> list[Piece]:
    """The parts of every page of every document."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - an extra

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=SIZE, chunk_overlap=SHARED, add_start_index=True
    )
    return [
        Piece(Place(name, number, at, at + len(part.page_content)), part.page_content)
        for name, pages in shelf.texts.items()
        for number, (text, start) in enumerate(zip(pages, shelf.starts[name], strict=True), 1)
        for part in splitter.create_documents([text])
        for at in [start + part.metadata["start_index"]]
    ]


class Stock:
    """The nearest pieces."""

    def __init__(self, shelf: Shelf, parts: Sequence[Piece], index: VectorIndex) -> None:
        """Embed and index every piece."""
        self._parts, self._index, self._embedder = parts, index, shelf.embedders.current
        for begin in range(0, len(parts), BATCH):
            batch = parts[begin : begin + BATCH]
            vectors = shelf.embedders.current.embed([part.text for part in batch])
            index.add(COLLECTION, list(_entries(batch, vectors, begin)))

    def find(self, question: str, limit: int, document: str | None = None) -> list[Place]:
        """Places of the nearest, best first."""
        return [piece.place for piece in self.nearest(question, limit, document)]

    def nearest(self, question: str, limit: int, document: str | None = None) -> list[Piece]:
        """The nearest, best first."""
        vector = self._embedder.embed_question(question)
        part = Part((document,)) if document else WHOLE
        hits = self._index.search(COLLECTION, vector, limit, part)
        return [self._parts[int(hit.chunk_id)] for hit in hits]


def _entries(batch: Sequence[Piece], vectors: Any, begin: int) -> Iterator[Entry]:
    for number, (part, vector) in enumerate(zip(batch, vectors, strict=True), begin):
        name = part.place.document
        yield Entry(str(number), name, name, part.place.page, vector)


class Words:
    """The pieces by BM25, its statistics taken over whatever is searched."""

    def __init__(self, parts: Sequence[Piece]) -> None:
        """Count every piece's words."""
        self._places = [part.place for part in parts]
        self._lengths: list[int] = []
        self._holding: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._of: defaultdict[str, list[int]] = defaultdict(list)
        for number, part in enumerate(parts):
            counted = Counter(words(part.text))
            self._lengths.append(counted.total())
            self._of[part.place.document].append(number)
            for word, count in counted.items():
                self._holding[word][number] = count

    def find(self, question: str, limit: int, document: str | None = None) -> list[Place]:
        """Places of the best, best first."""
        pool = set(self._of[document]) if document else range(len(self._places))
        mean = sum(self._lengths[number] for number in pool) / max(1, len(pool))
        scores: defaultdict[int, float] = defaultdict(float)
        for word in words(question):
            held = self._holding.get(word, {})
            self._add(scores, {key: held[key] for key in held if key in pool}, len(pool), mean)
        best = sorted(scores, key=lambda number: -scores[number])[:limit]
        return [self._places[number] for number in best]

    def _add(
        self, scores: defaultdict[int, float], held: Mapping[int, int], count: int, mean: float
    ) -> None:
        weight = log(1 + (count - len(held) + 0.5) / (len(held) + 0.5))
        for number, times in held.items():
            length = 1 - B + B * self._lengths[number] / mean
            scores[number] += weight * times * (K1 + 1) / (times + K1 * length)
