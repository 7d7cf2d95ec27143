"""What agents' tools do: each finds something, and tells it as text and as objects."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ingest import library
from ingest.database import reading
from ingest.errors import CollectionNotFound
from ingest.passages import Scope
from ingest.records import Collection
from service.links import address
from service.marking import marked
from service.questions import checked
from service.schemas import agents as schemas
from service.streams import outcome
from workers import submit
from workers.jobs import Job
from workers.wishes import Wish


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and how they reach this service."""

    request: Request
    owner: str
    closing: asyncio.Event

    @property
    def base(self) -> str:
        """The service's address, ending in /."""
        return str(self.request.base_url)


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool tells."""

    text: str
    data: dict[str, Any]


async def collections(_asked: schemas.Nothing, _call: Call) -> Found:
    """Every collection, oldest first."""
    found = await run_in_threadpool(_collections)
    lines = [f"{one.id}  {one.name} ({one.documents} documents)" for one in found]
    told = [{"id": one.id, "name": one.name, "documents": one.documents} for one in found]
    return Found(_lines(lines, "There is no collection yet."), {"collections": told})


async def documents(asked: schemas.InCollection, _call: Call) -> Found:
    """The documents of a collection, oldest first."""
    found = await run_in_threadpool(_documents, asked.collection)
    lines = [f"{one['id']}  {one['name']} ({_pages(one)}, {one['status']})" for one in found]
    return Found(_lines(lines, "The collection is empty."), {"documents": found})


async def search(asked: schemas.Search, call: Call) -> Found:
    """Passages, each with the address of its place."""
    query = checked(asked.query)

    def submitted() -> Job:
        scope = Scope(_collection(asked.collection).id, only=asked.filter.filter())
        return submit.search(scope, query, asked.limit, Wish(owner=call.owner))

    result = await _result(submitted, call)
    hits = [hit | {"link": address(call.base, hit)} for hit in result["hits"]]
    told = [
        f"[{number}] {hit['document_name']}, p. {hit['page']}: {hit['link']}\n{hit['text']}"
        for number, hit in enumerate(hits, 1)
    ]
    text = "\n\n".join(told) or "Nothing was found."
    return Found(text, {**result, "hits": hits})


async def ask(asked: schemas.Ask, call: Call) -> Found:
    """An answer with its citations, or a refusal with what came nearest."""
    question = checked(asked.question)

    def submitted() -> Job:
        where = _collection(asked.collection).id
        scope = Scope(where, asked.document_id, asked.filter.filter())
        return submit.question(scope, question, asked.conversation_id, Wish(owner=call.owner))

    result = await _result(submitted, call)
    links = {str(one["id"]): address(call.base, one) for one in result["citations"]}
    sources = [
        f"[{one['id']}] {one['document_name']}, p. {one['page']}: {links[str(one['id'])]}\n"
        f"    “{one['quote']}”"
        for one in result["citations"]
    ]
    near = [
        f"Near, but no answer: {one['document_name']}, p. {one['page']}: {address(call.base, one)}"
        for one in result["nearest"]
    ]
    text = "\n".join([marked(result).text, "", *sources, *near]).rstrip()
    return Found(text, {**result, "links": links})


async def page(asked: schemas.ReadPage, _call: Call) -> Found:
    """The text of a page."""

    def read() -> dict[str, Any]:
        with reading() as session:
            where = asked.document_id, asked.page, asked.version_id
            return library.page(session, *where).public()

    told = await run_in_threadpool(read)
    return Found(told["text"], told)


async def _result(submitted: Callable[[], Job], call: Call) -> dict[str, Any]:
    job = await run_in_threadpool(submitted)
    return (await outcome(call.request, job, call.closing)).result or {}


def _collections() -> list[Collection]:
    with reading() as session:
        return library.collections(session)


def _collection(wanted: str) -> Collection:
    """By its id, or by its name as people write it. Raises CollectionNotFound."""
    found = _collections()
    by_id = [one for one in found if one.id == wanted]
    by_name = [one for one in found if one.name.casefold() == wanted.strip().casefold()]
    for one in [*by_id, *by_name]:
        return one
    raise CollectionNotFound(id=wanted[:100])


def _documents(wanted: str) -> list[dict[str, Any]]:
    where = _collection(wanted).id
    with reading() as session:
        return [one.public() for one in library.documents(session, where)]


def _pages(document: dict[str, Any]) -> str:
    return f"{(document['version'] or {}).get('page_count') or '?'} pages"


def _lines(lines: Iterable[str], otherwise: str) -> str:
    return "\n".join(lines) or otherwise
