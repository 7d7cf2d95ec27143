"""Agents at /mcp, by the protocol's own client: what tools there are, what they find and refuse."""

from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.types import CallToolResult
from serving import ANSWER, answering, collection, newest_job, until
from test_service_openai import CITATION

from ingest import library
from ingest.database import writing
from ingest.records import Original
from ingest.tables import PageRow
from workers import jobs
from workers.states import JobStatus

HIT = {
    "document_id": "doc_1",
    "document_name": "minutes.md",
    "version_id": "ver_1",
    "page": 2,
    "char_start": 10,
    "char_end": 20,
    "heading": "",
    "text": "on Monday.",
    "score": 0.5,
}


async def result_of(live: httpx.Client, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async with Client(f"{live.base_url}/mcp") as agent:
        return await agent.call_tool(name, arguments)


async def called(live: httpx.Client, name: str, **arguments: Any) -> tuple[str, Any]:
    result = await result_of(live, name, arguments)
    assert not result.is_error, result.content
    return result.content[0].text, result.structured_content


async def refused(live: httpx.Client, name: str, **arguments: Any) -> str:
    result = await result_of(live, name, arguments)
    assert result.is_error
    return str(result.structured_content["code"])


async def test_tools_say_what_they_take(live: httpx.Client) -> None:
    async with Client(f"{live.base_url}/mcp") as agent:
        tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
    assert set(tools) == {"list_collections", "list_documents", "search", "ask", "read_page"}
    assert tools["ask"].input_schema["required"] == ["collection", "question"]
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())


async def test_collections_and_documents_are_listed(live: httpx.Client) -> None:
    where = collection()
    with writing() as session:
        original = Original("a.txt", "text/plain", "a" * 64, 1)
        document, _ = library.add(session, where, original)
    text, told = await called(live, "list_collections")
    assert text == f"{where}  Minutes (1 documents)"
    assert told == {"collections": [{"id": where, "name": "Minutes", "documents": 1}]}
    for named in (where, "minutes"):
        text, told = await called(live, "list_documents", collection=named)
        assert told["documents"][0]["id"] == document.id
        assert text == f"{document.id}  a.txt (? pages, waiting)"


async def test_an_answer_names_its_sources(live: httpx.Client) -> None:
    collection()
    worker = answering(JobStatus.SUCCEEDED, result=ANSWER | {"citations": [CITATION]})
    text, told = await called(live, "ask", collection="Minutes", question="When?")
    worker.join()
    link = f"{live.base_url}/#/documents/doc_1/pages/2?start=10&end=20&version=ver_1"
    assert text == f"On Monday. [1]\n\n[1] minutes.md, p. 2: {link}\n    “on Monday.”"
    assert told["citations"] == [CITATION]
    assert told["links"] == {"1": link}


async def test_passages_have_addresses(live: httpx.Client) -> None:
    collection()
    found = {"hits": [HIT], "searched": {}, "timings": {}}
    worker = answering(JobStatus.SUCCEEDED, result=found)
    text, told = await called(live, "search", collection="Minutes", query="meeting")
    worker.join()
    link = f"{live.base_url}/#/documents/doc_1/pages/2?start=10&end=20&version=ver_1"
    assert told["hits"] == [HIT | {"link": link}]
    assert text == f"[1] minutes.md, p. 2: {link}\non Monday."


async def test_a_page_is_read(live: httpx.Client) -> None:
    where = collection()
    with writing() as session:
        document, _ = library.add(session, where, Original("a.txt", "text/plain", "a" * 64, 1))
        session.add(PageRow(version_id=document.version.id, number=1, text="All of it."))
    text, told = await called(live, "read_page", document_id=document.id, page=1)
    assert (text, told["text"]) == ("All of it.", "All of it.")


async def test_what_is_wrong_is_told_with_its_code(live: httpx.Client) -> None:
    collection()
    assert await refused(live, "ask", collection="Nowhere", question="When?") == (
        "collection_not_found"
    )
    assert await refused(live, "ask", collection="Minutes", question=" ") == "empty_question"
    assert await refused(live, "ask", collection="Minutes") == "invalid_request"
    assert await refused(live, "search", collection="Minutes", query="x", limit=0) == (
        "invalid_request"
    )
    assert await refused(live, "read_page", document_id="doc_x", page=1) == "document_not_found"
    assert await refused(live, "format_disk") == "tool_unknown"
    assert newest_job() is None


def test_who_leaves_cancels_the_question(live: httpx.Client) -> None:
    collection()
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"collection": "Minutes", "question": "When?"}},
    }
    headers = {"accept": "application/json, text/event-stream"}
    with pytest.raises(httpx.ReadTimeout):
        live.post("/mcp", json=body, headers=headers, timeout=1.5)
    until(lambda: jobs.get(str(newest_job())).status is JobStatus.CANCELLED)


def test_pages_of_others_are_kept_out(live: httpx.Client) -> None:
    answer = live.post("/mcp", json={}, headers={"origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
