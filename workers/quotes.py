"""What is quoted as an answer: the best sentence of the evidence, or the rows with its figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.database import reading
from ingest.embed import Embedder
from ingest.passages import Found, page_mates
from workers.citations import Place
from workers.relevance import best_quote
from workers.rows import about_accounts, rows_of

#: How much the nearest passage tells beside the words that are quoted, and how near it mostly is
#: where a document answers.
NEARNESS, USUALLY = 0.75, 0.4


@dataclass(frozen=True, slots=True)
class Quoted:
    """Places of the evidence that answer together."""

    places: tuple[Place, ...]
    score: float  #: 0 … 1
    surety: float  #: the score, and how near the evidence is

    @property
    def passages(self) -> Iterator[Found]:
        """Those they stand in."""
        return (place.passage for place in self.places)


def best_quoted(question: str, sources: Sequence[Found], embedder: Embedder) -> Quoted | None:
    """What answers best, None without evidence. Rows are sought on all of the sources' pages."""
    found: list[tuple[float, tuple[Place, ...]]] = []
    if best := best_quote(question, sources, embedder):
        found.append((best.score, (best.place,)))
    if about_accounts(question):
        with reading() as session:
            found.append(rows_of(question, page_mates(session, sources)))
    score, places = max(found, key=lambda each: each[0], default=(0.0, ()))
    return Quoted(places, score, score + _nearness(sources)) if places else None


def _nearness(sources: Sequence[Found]) -> float:
    """What the nearest vector adds to the surety; nothing where words alone were searched."""
    near = [one.similarity for one in sources if one.similarity is not None]
    return NEARNESS * (max(near) - USUALLY) if near else 0.0
