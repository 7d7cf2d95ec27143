"""Passages as SQL has them: what an index names is looked up here, and counts only if it is here.

That is: in this collection, in the current version of a document that is ready.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from ingest.database import reading
from ingest.filters import EVERYTHING, Filter
from ingest.fusion import Candidate, Ranked
from ingest.tables import ChunkRow, DocumentRow, DocumentStatus, PageRow, VersionRow


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may hold the answer."""

    chunk_id: str
    document_id: str
    document_name: str
    version_id: str
    page: int
    char_start: int
    char_end: int
    heading: str
    text: str
    score: float  #: of both rankings, 0 … 1; only its order means something
    similarity: float | None  #: cosine, if the vectors found it
    words: float | None  #: lexical score, if the words found it
    reranked: float | None = None  #: the cross-encoder's score, if there is one that has read it

    def public(self) -> dict[str, Any]:
        """The passage as the REST interface shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: in a collection, or in one document of it, as far as a filter lets through."""

    collection_id: str
    document_id: str | None = None
    only: Filter = EVERYTHING


def passages_of(document_id: str) -> list[Found]:
    """Every passage of a document that is ready, in reading order; all score nothing."""
    query = _ready_passages().where(DocumentRow.id == document_id).order_by(ChunkRow.ordinal)
    with reading() as session:
        return [
            _found(_unscored(chunk), chunk, text, document)
            for chunk, text, document in session.execute(query)
        ]


def page_mates(session: Session, found: Sequence[Found]) -> list[Found]:
    """Every passage of the pages that passages were found on, page by page as they were found.

    Those that were not found themselves score nothing.
    """
    pages = dict.fromkeys((one.version_id, one.page) for one in found)
    if not pages:
        return []
    own = {one.chunk_id: one for one in found}
    on_page = (
        and_(ChunkRow.version_id == version, ChunkRow.page == page) for version, page in pages
    )
    rows = session.execute(_ready_passages().where(or_(*on_page)).order_by(ChunkRow.ordinal))
    order = {page: number for number, page in enumerate(pages)}
    mates = [
        own.get(chunk.id) or _found(_unscored(chunk), chunk, text, document)
        for chunk, text, document in rows
    ]
    return sorted(mates, key=lambda mate: order[mate.version_id, mate.page])


def openings(session: Session, version_ids: Iterable[str], characters: int) -> list[str]:
    """How the first pages of versions begin: titles, names, dates."""
    first = select(func.substr(PageRow.text, 1, characters))
    wanted = PageRow.version_id.in_(set(version_ids)), PageRow.number == 1
    return list(session.scalars(first.where(*wanted)))


def within(scope: Scope) -> Iterator[ColumnElement[bool]]:
    """What makes a document one of the scope that can be read."""
    yield DocumentRow.collection_id == scope.collection_id
    yield DocumentRow.status == DocumentStatus.READY
    yield from scope.only.documents()
    if scope.document_id is not None:
        yield DocumentRow.id == scope.document_id


def count(session: Session, scope: Scope) -> int:
    """Documents of the scope that can be read."""
    return session.scalar(select(func.count()).select_from(DocumentRow).where(*within(scope))) or 0


def versions(session: Session, scope: Scope) -> Iterator[str]:
    """What of them is read."""
    own = select(DocumentRow.current_version_id).where(*within(scope))
    yield from map(str, session.scalars(own))


def _ready_passages() -> Select[ChunkRow, str, DocumentRow]:
    """(chunk, its page's text, its document) of current versions of documents that are ready."""
    return (
        select(ChunkRow, PageRow.text, DocumentRow)
        .join(VersionRow, VersionRow.id == ChunkRow.version_id)
        .join(DocumentRow, DocumentRow.current_version_id == VersionRow.id)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .where(DocumentRow.status == DocumentStatus.READY)
    )


def candidates(
    session: Session, scope: Scope, similar: Mapping[str, float], by_words: Mapping[str, float]
) -> list[Candidate]:
    """What was found and is there, each with its place."""
    there = select(ChunkRow.id, ChunkRow.version_id, ChunkRow.page)
    wanted = there.where(ChunkRow.id.in_({*similar, *by_words}))
    if scope.only.pages is not None:
        wanted = wanted.where(ChunkRow.page.between(*scope.only.pages))
    rows = session.execute(wanted).all()
    current = DocumentRow.current_version_id
    own = select(current).where(current.in_({row[1] for row in rows}), *within(scope))
    allowed = set(session.scalars(own))
    return [
        Candidate(chunk_id, version, page, similar.get(chunk_id), by_words.get(chunk_id))
        for chunk_id, version, page in rows
        if version in allowed
    ]


def passages(session: Session, scope: Scope, best: Sequence[Ranked]) -> Iterator[Found]:
    """The passages of a ranking, in its order."""
    on_page = (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page)
    texts = select(ChunkRow, PageRow.text).join(PageRow, on_page)
    wanted = texts.where(ChunkRow.id.in_([each.candidate.chunk_id for each in best]))
    known = {chunk.id: (chunk, text) for chunk, text in session.execute(wanted)}
    documents = _documents(session, scope, {chunk.version_id for chunk, _ in known.values()})
    for each in best:
        chunk_id, document = each.candidate.chunk_id, documents.get(each.candidate.version_id)
        if chunk_id in known and document is not None:
            yield _found(each, *known[chunk_id], document)


def _documents(session: Session, scope: Scope, versions: Iterable[str]) -> dict[str, DocumentRow]:
    """The documents of the scope by their current versions, of these versions.

    Asked for by themselves: joined to chunks, SQLite would go through all chunks of all documents.
    """
    current = DocumentRow.current_version_id.in_(versions)
    rows = session.scalars(select(DocumentRow).where(current, *within(scope)))
    return {str(row.current_version_id): row for row in rows}


def _unscored(chunk: ChunkRow) -> Ranked:
    return Ranked(Candidate(chunk.id, chunk.version_id, chunk.page, None, None), 0.0)


def _found(ranked: Ranked, chunk: ChunkRow, page_text: str, document: DocumentRow) -> Found:
    similarity, words = ranked.candidate.similarity, ranked.candidate.words
    return Found(
        chunk_id=chunk.id,
        document_id=document.id,
        document_name=document.name,
        version_id=chunk.version_id,
        page=chunk.page,
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        heading=chunk.heading,
        text=page_text[chunk.char_start : chunk.char_end],
        score=ranked.score,
        similarity=None if similarity is None else round(similarity, 4),
        words=None if words is None else round(words, 4),
    )
