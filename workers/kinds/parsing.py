"""The parse step: a file becomes pages, chunks and words, streamed into the database.

The parser runs in a process that can be killed; nothing of a document is ever held whole.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from ingest import blobs, generations, lexical, library, sandbox, split, versions
from ingest.context import indexed_text
from ingest.database import new_id, reading
from ingest.errors import EmptyDocument, ReadingCancelled
from ingest.settings import settings
from ingest.sniff import CONTAINERS
from ingest.spans import Page, Passage
from ingest.tables import ChunkRow, DocumentRow, DocumentStatus, PageRow, VersionRow
from workers import jobs
from workers.errors import Cancelled
from workers.states import JobKind
from workers.work import Output, Progress, Work

PAGES_PER_WRITE = 50


@dataclass(slots=True)
class _Intake:
    """Pages and passages on their way into the database."""

    pages: list[Page] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)  #: of these pages and the one before
    passages: list[Passage] = field(default_factory=list)
    page_count: int = 0
    chunk_count: int = 0
    characters: int = 0
    empty: list[int] = field(default_factory=list)
    ocr: list[int] = field(default_factory=list)

    def passing(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Hand pages on to the splitter and keep them for the next write."""
        for page in pages:
            self.pages.append(page)
            self.texts[page.number] = page.text
            self.page_count += 1
            self.characters += len(page.text)
            if not page.text.strip():
                self.empty.append(page.number)
            elif page.layout is not None:
                self.ocr.append(page.number)
            yield page


def parse(work: Work) -> Output:
    """File → pages and chunks, in a killable process, streamed into the database."""
    began = time.monotonic()
    version = _begin(work)
    _clear_index(work, version.id)
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
            "ocr_pages": intake.ocr,
            "holds_files": version.media_type in CONTAINERS,
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
                _write(work, version, intake)
                work.tell("progress", Progress(0, 1, f"page {intake.page_count}").public())
        _write(work, version, intake)


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    sha256: str
    media_type: str


def _begin(work: Work) -> _Version:
    """Mark the document as being read and clear what an interrupted try left."""
    with work.write() as session:
        document = session.get_one(DocumentRow, work.job.document_id)
        new = work.job.params.get("version_id")
        version = session.get_one(VersionRow, new or document.current_version_id)
        if new is None:  # otherwise readers go on with the version they see
            document.status = DocumentStatus.READING
        library.clear_contents(session, [version.id])
        return _Version(version.id, version.sha256, document.media_type)


def _clear_index(work: Work, version_id: str) -> None:
    """Vectors of an earlier reading would crowd out the new ones: SQL no longer knows them."""
    document_id = str(work.job.document_id)
    earlier = jobs.JobFilter(kind=JobKind.READ, document_id=document_id, limit=2)
    if work.step.claims > 1 or len(jobs.listing(earlier)) > 1:
        with reading() as session:
            kept = [one for one in versions.indexed(session, document_id) if one != version_id]
            all_of_them = generations.every(session, str(work.job.collection_id))
        for generation_id in all_of_them:
            work.tools.index.keep_versions(generation_id, document_id, kept)


def _write(work: Work, version: _Version, intake: _Intake) -> None:
    """Move what has come so far into the database."""
    named = [(new_id("chunk"), passage) for passage in intake.passages]
    with work.write() as session:
        session.add_all(
            PageRow(
                version_id=version.id,
                number=page.number,
                text=page.text,
                layout=page.layout.plain() if page.layout else None,
            )
            for page in intake.pages
        )
        session.add_all(
            ChunkRow(
                id=chunk_id,
                version_id=version.id,
                ordinal=intake.chunk_count + offset,
                page=passage.page,
                char_start=passage.char_start,
                char_end=passage.char_end,
                heading=passage.heading,
                context=passage.context,
            )
            for offset, (chunk_id, passage) in enumerate(named)
        )
        lexical.add(
            session,
            str(work.job.collection_id),
            version.id,
            [(chunk_id, _indexed(passage, intake.texts, version)) for chunk_id, passage in named],
        )
    intake.chunk_count += len(intake.passages)
    intake.pages.clear()
    intake.texts = dict(list(intake.texts.items())[-1:])  # of which more passages may come
    intake.passages.clear()


def _indexed(passage: Passage, texts: dict[int, str], version: _Version) -> str:
    return indexed_text(passage, texts[passage.page], version.media_type)
