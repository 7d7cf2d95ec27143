"""`lectern ask QUESTION`: the answer as it is written, then its citations."""

import time
from argparse import Namespace
from collections.abc import Iterator

from service.cli.catalogue import find_collection, find_document
from service.cli.client import Client, Record
from service.cli.errors import JobFailed
from service.cli.results import answer_remarks, print_citations
from service.cli.screen import Screen, plain
from service.cli.stream import Event


class Reply:
    """An answer as it comes in: its words so far, its job, and in the end its result."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._attempt: int | None = None
        self._began = time.monotonic()
        self.job_id: str | None = None
        self.words = ""
        self.first_token_s: float | None = None

    def take(self, events: Iterator[Event]) -> Record:
        """Show the events; returns the result."""
        for event in events:
            if event.name == "job":
                self.job_id = event.data["id"]
            elif event.name == "quote":
                self._quote(event.data)
            elif event.name == "token":
                self._token(event.data)
            elif event.name == "done":
                return dict(event.data["result"])
            elif event.name == "error":
                raise JobFailed(event.data["code"], event.data["message"])
        raise JobFailed("stream_ended", "the stream ended without an answer")

    def _quote(self, citation: Record) -> None:
        place = f"{citation['document_name']}, p. {citation['page']}"
        words = " ".join(plain(citation["quote"]).split())
        self._screen.note(f"Best passage ({place}): “{words}”", "dim")

    def _token(self, data: Record) -> None:
        if self.first_token_s is None:
            self.first_token_s = time.monotonic() - self._began
            self._screen.note("Writing, not checked yet:", "dim")
        if self._attempt is not None and data["attempt"] > self._attempt:
            # A worker was lost; another one writes the answer anew.
            self.words = ""
            if not self._screen.as_json:
                self._screen.note("\n(the worker was lost; the answer begins again)")
        self._attempt = data["attempt"]
        self.words += data["text"]
        if not self._screen.as_json:
            self._screen.token(data["text"])


def run(arguments: Namespace) -> int:
    """Ask and stream; Ctrl-C cancels the question."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    body = {"question": arguments.question}
    if arguments.document:
        document = find_document(client, arguments.document, arguments.collection)
        body["document_id"] = document["id"]
        collection = client.get(f"/v1/collections/{document['collection_id']}")
    else:
        collection = find_collection(client, arguments.collection)
    if arguments.conversation:
        body["conversation_id"] = arguments.conversation
    reply = Reply(screen)
    try:
        answer = reply.take(client.ask(collection["id"], body))
    except KeyboardInterrupt:
        if reply.job_id:
            client.post(f"/v1/jobs/{reply.job_id}/cancel")
        screen.note("\ncancelled")
        return 130
    if screen.as_json:
        screen.result({"job_id": reply.job_id, "collection": collection, "result": answer})
    else:
        print_answer(screen, reply, answer)
    return 0


def print_answer(screen: Screen, reply: Reply, answer: Record) -> None:
    """What comes after the streamed words: the checked text if it differs, and the citations."""
    if reply.words:
        screen.token("\n")
    final = plain(answer["answer"]).strip()
    if final != plain(reply.words).strip():
        if reply.words:
            screen.line("Checked answer:", "bold")
        screen.line(final)
    print_citations(screen, answer["citations"])
    disputed = {one for each in answer.get("sentences", ()) for one in each.get("disputed", ())}
    for one in sorted(disputed):
        screen.note(f"  [{one}] says otherwise", "yellow")
    for near in answer.get("nearest", ()):
        words = " ".join(plain(near["quote"]).split())
        screen.note(f"  near: {near['document_name']}, p. {near['page']}: “{words}”", "dim")
    screen.note(f"  {answer_remarks(answer)}", "dim")
    if answer.get("conversation_id"):
        screen.note(f"  go on with: --conversation {answer['conversation_id']}", "dim")
