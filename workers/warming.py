"""Documents computed before anybody asks, while a worker has nothing else to do.

The prefix [system][document] of what fits the context, newest first, as requests of the batch lane
that end as soon as a step begins here. A cache of this worker's engine, not a job: what is missing
costs the first question its wait, and nothing else.
"""

from collections.abc import Callable

import structlog
from sqlalchemy import select

from ingest.database import reading
from ingest.errors import LecternError
from ingest.tables import DocumentRow, DocumentStatus, VersionRow
from workers import documents
from workers.engine.engine import Engine
from workers.engine.requests import Request
from workers.language import Language
from workers.settings import Settings
from workers.states import Lane

#: Newest documents that are looked at; a library may hold more than any disk has room for.
CANDIDATES = 500
#: Tokens that must be left for a question, or it can't be asked about the whole document anyway.
QUESTION_TOKENS = 64
#: Share of the disk limit that is filled ahead; the rest is for what people really ask about.
AHEAD = 0.9
MEGABYTE = 1 << 20

log = structlog.get_logger()


class Warmer:
    """A chore: the documents of the library, one after another."""

    def __init__(self, language: Language, settings: Settings, over: Callable[[], bool]) -> None:
        """`over`: whether the idle time is over."""
        self._language, self._over = language, over
        self._disk_bytes = settings.prefix_disk_mb * MEGABYTE
        self._ram_bytes = settings.prefix_cache_mb * MEGABYTE
        #: Versions that were computed once, or never will be. What the cache has dropped since is
        #: not computed again, or two that don't fit together would push each other out for ever.
        self._settled: set[str] = set()

    def warm(self, engine: Engine) -> bool:
        """Compute one document's prefix; false when none is missing, or no room or time is left."""
        if self._full(engine):
            return False
        for document_id, version_id in _newest(self._language.context_tokens):
            if version_id in self._settled:
                continue
            request = self._missing(engine, document_id)
            if request is not None and not _computed(engine, request):
                return False
            self._settled.add(version_id)
            if request is not None:
                log.info("document_warmed", document=document_id, tokens=len(request.prompt))
                return True
        return False

    def _full(self, engine: Engine) -> bool:
        """Whether more would push out what is kept, or waits in RAM because it can't be written."""
        load = engine.load()
        return load.disk_bytes >= AHEAD * self._disk_bytes or load.prefix_bytes > self._ram_bytes

    def _missing(self, engine: Engine, document_id: str) -> Request | None:
        """What computes the document's prefix; None when it is kept, too long or gone."""
        document = documents.whole(document_id, self._language, "")
        if document is None or document.room < QUESTION_TOKENS:
            return None
        prompt = engine.prompt(documents.beginning(document))
        tokens = prompt.tokens[: prompt.prefixes[-1]]
        if engine.keeps(tokens):
            return None
        return Request(
            prompt=tokens,
            max_tokens=0,
            prefixes=prompt.prefixes,
            durable=True,
            sources=frozenset({document_id}),
            lane=Lane.BATCH,
            cancelled=self._over,
        )


def _newest(context_tokens: int) -> list[tuple[str, str]]:
    """(document, version) of what is ready and may fit, newest first."""
    query = (
        select(DocumentRow.id, VersionRow.id)
        .join(VersionRow, VersionRow.id == DocumentRow.current_version_id)
        .where(
            DocumentRow.status == DocumentStatus.READY,
            VersionRow.character_count <= context_tokens * documents.CHARACTERS_PER_TOKEN,
        )
        .order_by(DocumentRow.created_at.desc())
        .limit(CANDIDATES)
    )
    with reading() as session:
        return [(document_id, version_id) for document_id, version_id in session.execute(query)]


def _computed(engine: Engine, request: Request) -> bool:
    """Whether the request came to its end; one that can't be computed counts as done."""
    try:
        answer = engine.generate(request)
        for _ in answer:
            pass
    except LecternError as error:
        log.warning("document_not_warmed", code=error.code, error=str(error))
        return True
    return answer.finish is not None and answer.finish.reason != "cancelled"
