"""A Lectern of its own with a set's documents in it: SQL, a Chroma server, and the worker's own
steps that read a document and answer a question. There is no service, and a language model only
where one is given.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from sqlalchemy import select

import ingest.settings
import workers.settings
from benchmarks.errors import PeerMissing
from benchmarks.evaluation.layouts import Place, Set, Source
from benchmarks.servers import LEASH, free_port
from ingest import database, library
from ingest.blobs import Intake
from ingest.embed import Embedder
from ingest.embedders import Embedders
from ingest.passages import Found, Scope
from ingest.records import Original
from ingest.search import Findings, Means, find_surrounded
from ingest.sniff import media_type
from ingest.tables import DocumentStatus, PageRow
from ingest.vectors import VectorIndex
from workers import jobs, submit
from workers.jobs import Job
from workers.language import Language
from workers.runtime import Runtime
from workers.states import UNSTARTED
from workers.tables import StepRow
from workers.work import Tools

START_SECONDS = 60.0
SPEECHLESS = Language(
    chat=FakeListChatModel(responses=[""]),
    fingerprint="none",
    context_tokens=0,
    count_tokens=len,
    engine=None,
    small=True,
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The documents of a set, read."""

    collection_id: str
    ids: Mapping[str, str]  #: document ids by the names in the set
    texts: Mapping[str, list[str]]  #: their pages
    starts: Mapping[str, list[int]]  #: where each page begins in the set's own text
    embedders: Embedders
    index: VectorIndex
    runtime: Runtime

    def find(self, question: str, limit: int, document: str | None = None) -> Findings:
        """What a search shows, in one document or in all."""
        scope = Scope(self.collection_id, self.ids[document] if document else None)
        return find_surrounded(scope, question, limit, Means(self.embedders, self.index))

    def answer(self, question: str, document: str | None = None) -> dict[str, Any]:
        """The result of a question's job, about one document or about all."""
        about = self.ids[document] if document else None
        job = submit.question(Scope(self.collection_id, about), question, None)
        _work(self.runtime, job)
        ended = jobs.get(job.id)
        if ended.result is None:
            raise PeerMissing(f"a question {ended.status}: {ended.error}")
        return ended.result

    def place(self, passage: Found) -> Place:
        """Where a passage is, in the set's terms."""
        return self.place_at(
            passage.document_id, passage.page, passage.char_start, passage.char_end
        )

    def place_at(self, document_id: str, page: int, start: int, end: int) -> Place:
        """The same of offsets into a page."""
        name = next(name for name, key in self.ids.items() if key == document_id)
        at = self.starts[name][page - 1]
        return Place(name, page, at + start, at + end)


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """The URL of a Chroma server of our own. Raises PeerMissing when it does not start."""
    port = free_port()
    program = Path(sys.executable).with_name("chroma")
    command = [str(program), "run", "--host", "127.0.0.1", f"--port={port}", f"--path={folder}"]
    process = subprocess.Popen(
        [sys.executable, str(LEASH), str(os.getpid()), *command],
        env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/api/v2/heartbeat", process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Settings for a library in `folder` that nobody else sees: none of theirs."""
    mine = {
        "LECTERN_DATA": str(folder),
        "LECTERN_DATABASE_URL": "",
        "LECTERN_BLOB_URL": "",
        "LECTERN_REDIS_URL": f"unix://{folder / 'none.sock'}?db=0",
    }
    before = {name: os.environ.get(name) for name in mine}
    os.environ.update(mine)
    _forget_settings()
    try:
        database.migrate()
        yield
    finally:
        database.engine().dispose()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        _forget_settings()


@contextmanager
def filled(
    documents: Set, embedder: Embedder, language: Language | None = None
) -> Iterator[tuple[Shelf, str]]:
    """The shelf with all of a set's documents, and the URL of its Chroma server."""
    with (
        tempfile.TemporaryDirectory() as folder,
        alone(Path(folder)),
        chroma(Path(folder) / "chroma") as url,
    ):
        embedders = Embedders(embedder, lambda _: embedder)  # no collection here has another
        tools = Tools(language or SPEECHLESS, embedders, VectorIndex(url))
        yield _fill(documents, tools), url


def _fill(documents: Set, tools: Tools) -> Shelf:
    runtime = Runtime(tools, workers.settings.Settings())
    with database.writing() as session:
        collection_id = library.create_collection(session, documents.name).id
    ids: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    for number, source in enumerate(documents.sources, 1):
        ids[source.name], texts[source.name] = _read(collection_id, source, runtime)
        print(f"  {documents.name}: {number} of {len(documents.sources)} read", file=sys.stderr)
    own = {source.name: source.text for source in documents.sources}
    starts = {name: list(_starts(own[name], pages)) for name, pages in texts.items()}
    return Shelf(collection_id, ids, texts, starts, tools.embedders, tools.index, runtime)


def _read(collection_id: str, source: Source, runtime: Runtime) -> tuple[str, list[str]]:
    """The id and the pages of a document, once it has been read; no pages if it can't be."""
    intake = Intake()
    intake.write(source.content)
    original = Original(
        source.name, media_type(intake.head, source.name), intake.sha256, intake.size
    )
    with database.writing() as session:
        document, _ = library.add(session, collection_id, original)
        intake.commit()
    _work(runtime, submit.read(document.id))
    with database.reading() as session:
        read = library.document(session, document.id)
        if read.status != DocumentStatus.READY or read.version is None:
            print(f"  not read: {source.name}: {read.error}", file=sys.stderr)
            return document.id, []
        pages = select(PageRow.text).where(PageRow.version_id == read.version.id)
        return document.id, list(session.scalars(pages.order_by(PageRow.number)))


def _work(runtime: Runtime, job: Job) -> None:
    """All of the job's steps, here and now."""
    while step := _next_step(job):
        runtime.run(step)


def _next_step(job: Job) -> str | None:
    with database.reading() as session:
        own = select(StepRow.id).where(StepRow.job_id == job.id, StepRow.status.in_(UNSTARTED))
        return session.scalar(own.order_by(StepRow.created_at, StepRow.ordinal).limit(1))


def _starts(text: str, pages: list[str]) -> Iterator[int]:
    """Where each page begins in the text that was read; 0 where there is none, as of a PDF."""
    at = 0
    for page in pages:
        body = page.strip()
        found = text.find(body, at) if text else -1
        at = max(found, 0) if text else 0
        yield at - (len(page) - len(page.lstrip()))
        at += len(body) if text else 0


def _forget_settings() -> None:
    for forget in (ingest.settings.settings, workers.settings.settings, database.engine):
        forget.cache_clear()


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise PeerMissing("the Chroma server did not start")
