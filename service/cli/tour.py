"""The first start's tour: reads the sample documents, summarises one, asks one question.

Everything goes through the REST API, so it shows what a user would get.
"""

import time
from pathlib import Path
from threading import Event
from typing import Protocol

from ingest.errors import LecternError
from service.cli.ask import Reply, print_answer
from service.cli.client import Client, Record
from service.cli.results import print_summary
from service.cli.screen import Screen
from service.cli.summarize import follow_summary
from service.cli.uploads import await_read, report, send
from service.settings import settings

COLLECTION = "Samples"
FOLDER = Path(__file__).resolve().parents[2] / "samples"
PATTERNS = ("*.pdf", "*.docx", "*.txt")
SUMMARISED = "northbank-water-annual-report.pdf"
QUESTION = "For how long did water pass without chlorine at Saltness?"


class Address(Protocol):
    """Who repeats where the page is, below what the tour has printed."""

    def address(self, url: str) -> None:
        """Say it."""


class Tour:
    """Given once per data folder."""

    def __init__(self, client: Client, screen: Screen, stopping: Event) -> None:
        self._client = client
        self._screen = screen
        self._stopping = stopping

    def give(self, address: Address) -> None:
        """Give the tour if this is a first start. A fault in it is told and stops nothing."""
        try:
            if not self._is_due():
                return
            self._walk()
        except LecternError as error:
            if not self._stopping.is_set():
                self._screen.note(f"the tour stopped: {error} ({error.code})", "yellow")
        if not self._stopping.is_set():
            address.address(self._client.url)

    def _is_due(self) -> bool:
        if not settings().samples or self._screen.as_json or not samples():
            return False
        collections = self._client.get("/v1/collections")["collections"]
        return all(one["name"] != COLLECTION for one in collections)

    def _walk(self) -> None:
        self._screen.note("\nFirst start: reading the sample documents", "bold")
        began = time.monotonic()
        collection = self._client.post("/v1/collections", {"name": COLLECTION})
        uploads = send(self._client, self._screen, collection["id"], samples())
        await_read(self._client, self._screen, uploads)
        report(self._screen, uploads)
        self._screen.note(f"  all read after {time.monotonic() - began:.1f} s", "dim")
        for upload in uploads:
            if upload.path.name == SUMMARISED and not upload.error and upload.document:
                self._summarise(upload.document)
                self._ask(collection)

    def _summarise(self, document: Record) -> None:
        self._screen.note(f"\nSummarising {document['name']}, every page of it", "bold")
        began = time.monotonic()
        job = self._client.post("/v1/jobs", {"kind": "summary", "document_id": document["id"]})
        summary = follow_summary(self._client, self._screen, job["id"])
        print_summary(self._screen, document["name"], summary, time.monotonic() - began)

    def _ask(self, collection: Record) -> None:
        self._screen.note(f"\nAsking: {QUESTION}", "bold")
        reply = Reply(self._screen)
        answer = reply.take(self._client.ask(collection["id"], {"question": QUESTION}))
        print_answer(self._screen, reply, answer)
        if reply.first_token_s is not None:
            self._screen.note(f"  first words after {reply.first_token_s:.1f} s", "dim")


def samples() -> list[Path]:
    """The sample files that come with Lectern."""
    return sorted(path for pattern in PATTERNS for path in FOLDER.glob(pattern))
