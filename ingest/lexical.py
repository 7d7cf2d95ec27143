"""The lexical index: words of chunks in SQLite's FTS5, or in a `tsvector` column on Postgres.

It lives in the same database and transaction as the chunks, so it can't disagree with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, select, table, text
from sqlalchemy.orm import Session

from ingest.filters import WHOLE, Part
from ingest.frequencies import frequencies
from ingest.tables import ChunkRow, DocumentRow, DocumentStatus
from ingest.weighing import weighed
from ingest.words import words

#: Words of one question that are looked up; a pasted page is not a question.
QUESTION_WORDS = 64

ADD = {
    "sqlite": (
        "INSERT INTO chunk_words (chunk_id, scope, version, words) "
        "VALUES (:chunk, :scope, :version, :words)"
    ),
    "postgresql": (
        "INSERT INTO chunk_words (chunk_id, scope, version, words) "
        "VALUES (:chunk, :scope, :version, to_tsvector('english', :words))"
    ),
}
REMOVE = {
    "sqlite": (
        "DELETE FROM chunk_words WHERE rowid IN "
        "(SELECT rowid FROM chunk_words WHERE chunk_words MATCH 'version : \"' || :version || '\"')"
    ),
    "postgresql": "DELETE FROM chunk_words WHERE version = :version",
}
_index = table("chunk_words")
_chunk: ColumnElement[str] = literal_column("chunk_id")
_scope: ColumnElement[str] = literal_column("scope")
_version: ColumnElement[str] = literal_column("version")
_words: ColumnElement[str] = literal_column("words")
_english: ColumnElement[str] = literal_column("'english'")
_score: ColumnElement[float] = literal_column("-bm25(chunk_words)")
#: What ranking may cost on SQLite, in microseconds: in a collection, and in documents that are
#: named, whose pages are told apart by common words.
BUDGET, BUDGET_NAMED = 10_000, 30_000
#: What FTS5 takes for each chunk that holds a word: to count it, and to rank it if it is where one
#: looks; and what weighing a chunk takes. Measured; see decision 40.
TO_COUNT, TO_RANK, TO_WEIGH = 0.2, 2.5, 50
#: Chunks that are weighed by themselves: of a few documents all, of a collection the best by its
#: rarest words.
FEW, BEST = 1_000, 150
#: A collection with more of the index than this is sorted out after ranking.
MOST_OF_IT = 0.2


@dataclass(frozen=True, slots=True)
class WordHit:
    """A chunk that shares words with the question."""

    chunk_id: str
    score: float  #: BM25 on SQLite, cover density on Postgres; higher is better


def add(
    session: Session, collection_id: str, version_id: str, chunks: Iterable[tuple[str, str]]
) -> None:
    """Index chunks, given as (id, text), inside the caller's transaction."""
    where = {"scope": collection_id, "version": version_id}
    rows = [
        {"chunk": chunk_id, "words": " ".join(words(body)), **where} for chunk_id, body in chunks
    ]
    if rows:
        session.execute(text(ADD[_dialect(session)]), rows)


def search(
    session: Session,
    collection_id: str,
    asked: Sequence[str],
    limit: int,
    part: Part = WHOLE,
) -> list[WordHit]:
    """Chunks that share words with those asked for, best first.

    `asked` is of `words.question_words`. In a large index common words count only within a few
    documents.
    """
    asked = asked[:QUESTION_WORDS]
    if not asked:
        return []
    look = _Look(session, collection_id, limit, part)
    found = look.postgres(asked) if _dialect(session) == "postgresql" else look.sqlite(asked)
    return [WordHit(str(chunk_id), float(score)) for chunk_id, score in found]


class _Look:
    """One search, in a part of a collection."""

    def __init__(self, session: Session, collection_id: str, limit: int, part: Part) -> None:
        self._session = session
        self._scope = collection_id
        self._limit = limit
        self._part = part
        self._only: list[ColumnElement[bool]] = []
        if part.only.narrows:
            of_document = (
                DocumentRow.collection_id == collection_id,
                DocumentRow.status == DocumentStatus.READY,
                DocumentRow.current_version_id == _version,
            )
            self._only.append(exists().where(*of_document, *part.only.documents()))
        if part.pages is not None:
            on_page = ChunkRow.page.between(*part.pages)
            self._only.append(exists().where(ChunkRow.id == _chunk, on_page))

    def postgres(self, asked: Sequence[str]) -> Iterable[tuple[str, float]]:
        """Ranked by cover density."""
        query = func.to_tsquery(_english, " | ".join(map(_quoted, asked)))
        score = func.ts_rank_cd(_words, query)
        matched = (
            select(_chunk, score).select_from(_index).where(_scope == self._scope, *self._only)
        )
        if self._part.version_ids:
            matched = matched.where(_version.in_(self._part.version_ids))
        best = matched.where(_words.op("@@")(query)).order_by(score.desc()).limit(self._limit)
        return self._rows(best)

    def sqlite(self, asked: Sequence[str]) -> Iterable[tuple[str, float]]:
        """Ranked by BM25: of few chunks in the cheaper of two ways, else as the budget allows."""
        known = frequencies(self._session, asked)
        if not known.of:
            return []
        place, chunks = self._place(known.chunks)
        each = TO_COUNT + TO_RANK * min(1.0, chunks / known.chunks)
        budget = BUDGET_NAMED if self._part.version_ids else BUDGET
        if known.total * each <= (chunks * TO_WEIGH if chunks <= FEW else budget):
            return self._rows(self._matched(place, known.of, _score).limit(self._limit))
        if chunks <= FEW:
            seen = self._matched(place, known.of, _words).order_by(None)
        else:
            rarest = known.affordable(round(budget / 2 / each))
            seen = self._matched(place, rarest, _words).limit(BEST)
        rarities = {word: known.rarity(word) for word in known.of}
        return weighed(self._rows(seen), rarities)[: self._limit]

    def _place(self, everywhere: int) -> tuple[str, int]:
        """What to match beside the words, and how many chunks are there."""
        if versions := self._part.version_ids:
            theirs = select(func.count()).where(ChunkRow.version_id.in_(versions))
            return f"version : ({_either(versions)}) AND ", self._session.scalar(theirs) or 0
        chunks = frequencies(self._session, (self._scope,), "scope").total
        if chunks > MOST_OF_IT * everywhere:
            self._only.append(_scope == self._scope)
            return "", chunks
        return f'scope : "{self._scope}" AND ', chunks

    def _matched(self, place: str, words: Iterable[str], shown: Any) -> "Select[Any]":
        query = text("chunk_words MATCH :query").bindparams(
            query=f"{place}words : ({_either(words)})"
        )
        return (
            select(_chunk, shown)
            .select_from(_index)
            .where(query, *self._only)
            .order_by(text("rank"))
        )

    def _rows(self, statement: "Select[Any]") -> Iterable[tuple[str, Any]]:
        return ((row[0], row[1]) for row in self._session.execute(statement))


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def _either(words: Iterable[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)


def remove(session: Session, version_ids: Iterable[str]) -> None:
    """Forget the chunks of versions inside the caller's transaction."""
    gone = [{"version": version_id} for version_id in version_ids]
    if gone:
        session.execute(text(REMOVE[_dialect(session)]), gone)


def purge(session: Session) -> None:
    """Rewrite the index without what was removed: FTS5 only marks it as gone."""
    if _dialect(session) == "sqlite":
        session.execute(text("INSERT INTO chunk_words (chunk_words) VALUES ('optimize')"))


def _dialect(session: Session) -> str:
    return str(session.get_bind().dialect.name)
