"""Reading a document: parse → embed … → ready.

The document becomes visible to searches in the transaction that ends the job, all at once.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ingest import blobs, embed, lexical, library, sandbox, split
from ingest.database import new_id, reading, writing
from ingest.errors import EmbedderMismatch, EmptyDocument, LecternError, ReadingCancelled, Refused
from ingest.settings import settings
from ingest.spans import Page, Passage
from ingest.tables import ChunkRow, CollectionRow, DocumentRow, DocumentStatus, PageRow, VersionRow
from ingest.vectors import Entry
from workers import jobs
from workers.errors import Cancelled
from workers.jobs import Job, JobKind, Step, StepStatus
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

PAGES_PER_WRITE = 50
CHUNKS_PER_STEP = 64
CHUNKS_PER_WRITE = 64


@dataclass(slots=True)
class _Intake:
    """Pages and passages on their way into the database."""

    pages: list[Page] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    page_count: int = 0
    chunk_count: int = 0
    characters: int = 0
    empty: list[int] = field(default_factory=list)

    def passing(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Hand pages on to the splitter and keep them for the next write."""
        for page in pages:
            self.pages.append(page)
            self.page_count += 1
            self.characters += len(page.text)
            if not page.text.strip():
                self.empty.append(page.number)
            yield page


def parse(work: Work) -> Output:
    """File → pages and chunks, in a killable process, streamed into the database."""
    began = time.monotonic()
    version = _begin(work)
    _clear_index(work)
    intake = _Intake()
    try:
        _take_in(work, version, intake)
    except ReadingCancelled as error:
        raise Cancelled from error
    if not intake.chunk_count:
        raise EmptyDocument
    return Output(
        {
            "version_id": version.id,
            "pages": intake.page_count,
            "chunks": intake.chunk_count,
            "characters": intake.characters,
            "empty_pages": intake.empty,
            "parse_ms": round(1e3 * (time.monotonic() - began)),
        }
    )


def _take_in(work: Work, version: "_Version", intake: _Intake) -> None:
    limits = sandbox.Limits.from_settings()
    with (
        blobs.local_path(version.sha256) as path,
        # Closed here, whatever happens: the parser's process must not outlive the step.
        closing(sandbox.pages(path, version.media_type, limits, work.cancelled)) as pages,
    ):
        passages = split.passages(
            intake.passing(pages), work.tools.embedder.count_tokens, settings().chunk_tokens
        )
        for passage in passages:
            intake.passages.append(passage)
            if len(intake.pages) > PAGES_PER_WRITE:
                _write(work, version.id, intake)
                work.tell("progress", Progress(0, 1, f"page {intake.page_count}").public())
        _write(work, version.id, intake)


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    sha256: str
    media_type: str


def _begin(work: Work) -> _Version:
    """Mark the document as being read and clear what an interrupted try left."""
    with work.write() as session:
        document = session.get_one(DocumentRow, work.job.document_id)
        newest = select(VersionRow).where(VersionRow.document_id == document.id)
        version = session.scalars(newest.order_by(VersionRow.number.desc())).first()
        assert version is not None, "a document is stored with its first version"
        document.status = DocumentStatus.READING
        library.clear_contents(session, document.id)
        return _Version(version.id, version.sha256, document.media_type)


def _clear_index(work: Work) -> None:
    """Vectors of an earlier reading would crowd out the new ones: SQL no longer knows them."""
    document_id = str(work.job.document_id)
    earlier = jobs.JobFilter(kind=JobKind.READ, document_id=document_id, limit=2)
    if work.step.claims > 1 or len(jobs.listing(earlier)) > 1:
        work.tools.index.remove_documents(str(work.job.collection_id), [document_id])


def _write(work: Work, version_id: str, intake: _Intake) -> None:
    """Move what has come so far into the database."""
    named = [(new_id("chunk"), passage) for passage in intake.passages]
    with work.write() as session:
        session.add_all(
            PageRow(version_id=version_id, number=page.number, text=page.text)
            for page in intake.pages
        )
        session.add_all(
            ChunkRow(
                id=chunk_id,
                version_id=version_id,
                ordinal=intake.chunk_count + offset,
                page=passage.page,
                char_start=passage.char_start,
                char_end=passage.char_end,
                heading=passage.heading,
            )
            for offset, (chunk_id, passage) in enumerate(named)
        )
        lexical.add(
            session,
            str(work.job.collection_id),
            version_id,
            [(chunk_id, f"{passage.heading}\n{passage.text}") for chunk_id, passage in named],
        )
    intake.chunk_count += len(intake.passages)
    intake.pages.clear()
    intake.passages.clear()


def embed_chunks(work: Work) -> Output:
    """Vectors for a range of chunks: SQL first, then Chroma, then marked as indexed."""
    began = time.monotonic()
    done = 0
    while batch := _pending(work):
        work.check()
        vectors = _vectors(work, batch)
        entries = [
            Entry(chunk.id, chunk.version_id, str(work.job.document_id), chunk.page, vector)
            for (chunk, _), vector in zip(batch, vectors, strict=True)
        ]
        work.tools.index.add(str(work.job.collection_id), entries)
        with work.write() as session:
            ids = [chunk.id for chunk, _ in batch]
            session.execute(update(ChunkRow).where(ChunkRow.id.in_(ids)).values(indexed=True))
        done += len(batch)
    return Output({"chunks": done, "embed_ms": round(1e3 * (time.monotonic() - began))})


def _vectors(work: Work, batch: list[tuple[ChunkRow, str]]) -> list[Any]:
    """The chunks' vectors: those an interrupted try has kept, and the others computed and kept."""
    missing = [(chunk.id, text) for chunk, text in batch if chunk.embedding is None]
    made = work.tools.embedder.embed([text for _, text in missing])
    known = {chunk_id: vector for (chunk_id, _), vector in zip(missing, made, strict=True)}
    with work.write() as session:
        _claim_embedder(session, work)
        for chunk_id, vector in known.items():
            session.get_one(ChunkRow, chunk_id).embedding = embed.to_blob(vector)
    return [
        known[chunk.id] if chunk.embedding is None else embed.from_blob(chunk.embedding)
        for chunk, _ in batch
    ]


def _pending(work: Work) -> list[tuple[ChunkRow, str]]:
    """The next chunks of the step's range without an index entry, with the text to embed."""
    given = work.step.input
    query = (
        select(ChunkRow, PageRow.text)
        .join(
            PageRow,
            (PageRow.version_id == ChunkRow.version_id) & (PageRow.number == ChunkRow.page),
        )
        .where(
            ChunkRow.version_id == given["version_id"],
            ChunkRow.ordinal >= given["first"],
            ChunkRow.ordinal < given["last"],
            ChunkRow.indexed.is_(False),
        )
        .order_by(ChunkRow.ordinal)
        .limit(CHUNKS_PER_WRITE)
    )
    with reading() as session:
        return [
            (chunk, f"{chunk.heading}\n{text[chunk.char_start : chunk.char_end]}".strip())
            for chunk, text in session.execute(query)
        ]


def _claim_embedder(session: Session, work: Work) -> None:
    """A collection belongs to the embedder of its first chunk."""
    collection = session.get_one(CollectionRow, work.job.collection_id)
    fingerprint = work.tools.embedder.fingerprint
    if collection.embedder is None:
        collection.embedder = fingerprint
    elif collection.embedder != fingerprint:
        raise EmbedderMismatch(expected=collection.embedder, actual=fingerprint)


def plan(_job: Job, steps: Sequence[Step]) -> Plan:
    """Parse, then embed in ranges, then the result."""
    parsed = next(step.output for step in steps if step.kind == "parse")
    if parsed is None:
        return Plan(Progress(0, 1, "parsing"))
    embeds = [step for step in steps if step.kind == "embed"]
    done = [step for step in embeds if step.status is StepStatus.DONE]
    if not embeds:
        return Plan(Progress(0, parsed["chunks"], "embedding"), steps=_embed_steps(parsed))
    chunks = sum(step.output["chunks"] for step in done if step.output)
    if len(done) < len(embeds):
        return Plan(Progress(chunks, parsed["chunks"], "embedding"))
    return Plan(Progress(parsed["chunks"], parsed["chunks"], "ready"), result=_result(parsed, done))


def _embed_steps(parsed: dict[str, Any]) -> tuple[NewStep, ...]:
    return tuple(
        NewStep(
            "embed",
            ordinal,
            {
                "version_id": parsed["version_id"],
                "first": first,
                "last": first + CHUNKS_PER_STEP,
            },
        )
        for ordinal, first in enumerate(range(0, parsed["chunks"], CHUNKS_PER_STEP))
    )


def _result(parsed: dict[str, Any], embeds: list[Step]) -> dict[str, Any]:
    embed_ms = sum(step.output["embed_ms"] for step in embeds if step.output)
    keys = ("version_id", "pages", "chunks", "characters", "empty_pages")
    return {
        **{key: parsed[key] for key in keys},
        "timings": {"parse_ms": parsed["parse_ms"], "embed_ms": embed_ms},
    }


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """Open the document to readers, or say why it can't be."""
    document = session.get(DocumentRow, job.document_id)
    if document is None or document.status == DocumentStatus.DELETING:
        return
    if error is not None:
        library.forget_content(session, document.id, error.code, str(error))
        return
    assert job.result is not None, "a reading that succeeded has a result"
    version = session.get_one(VersionRow, job.result["version_id"])
    version.page_count = job.result["pages"]
    version.character_count = job.result["characters"]
    version.empty_pages = ",".join(map(str, job.result["empty_pages"]))
    document.status, document.current_version_id = DocumentStatus.READY, version.id


def afterwards(job: Job) -> None:
    """Drop the bytes of a file that can never be read; another try would bring them again."""
    if job.error is None or not _refused(job.error["code"]):
        return
    with writing() as session:  # an upload of the same file waits, and brings it again
        document = session.get(DocumentRow, job.document_id)
        if document is None or document.status != DocumentStatus.FAILED:
            return
        query = select(VersionRow.sha256).where(VersionRow.document_id == document.id)
        for sha256 in session.scalars(query).all():
            holders = select(func.count()).where(VersionRow.sha256 == sha256)
            if session.scalar(holders) == 1:
                blobs.delete(sha256)


def _refused(code: str) -> bool:
    classes = list(Refused.__subclasses__())
    return any(each.code == code for each in classes)


READING = Kind(
    runners={"parse": parse, "embed": embed_chunks},
    plan=plan,
    settle=settle,
    afterwards=afterwards,
)
