"""The lexical index: words of chunks in SQLite's FTS5, or in a `tsvector` column on Postgres.

It lives in the same database and transaction as the chunks, so it can't disagree with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from ingest.filters import WHOLE, Part
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
SEARCH = {
    "sqlite": (
        "SELECT chunk_id, -bm25(chunk_words) FROM chunk_words "
        "WHERE chunk_words MATCH :query{pages} ORDER BY rank LIMIT :limit"
    ),
    "postgresql": (
        "SELECT chunk_id, ts_rank_cd(words, query) AS score "
        "FROM chunk_words, to_tsquery('english', :query) AS query "
        "WHERE scope = :scope AND (:anywhere OR version = ANY(:versions)) "
        "AND words @@ query{pages} "
        "ORDER BY score DESC LIMIT :limit"
    ),
}
PAGES = (
    " AND EXISTS (SELECT 1 FROM chunks WHERE chunks.id = chunk_id "
    "AND chunks.page BETWEEN :first AND :last)"
)


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

    `asked` is of `words.question_words`.
    """
    asked = asked[:QUESTION_WORDS]
    if not asked:
        return []
    dialect = _dialect(session)
    given: dict[str, Any]
    if dialect == "sqlite":
        where = f'scope : "{collection_id}"'
        if part.version_ids:
            where += f" AND version : ({_either(part.version_ids)})"
        given = {"query": f"{where} AND words : ({_either(asked)})", "limit": limit}
    else:
        quoted = (word.replace("'", "''") for word in asked)
        given = {
            "query": " | ".join(f"'{word}'" for word in quoted),
            "scope": collection_id,
            "versions": list(part.version_ids),
            "anywhere": not part.version_ids,
            "limit": limit,
        }
    if part.pages is not None:
        given |= dict(zip(("first", "last"), part.pages, strict=True))
    narrowed = SEARCH[dialect].format(pages=PAGES if part.pages else "")
    found = session.execute(text(narrowed), given)
    return [WordHit(chunk_id, float(score)) for chunk_id, score in found]


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
