"""`lectern summarize DOC`: the whole document, section by section, then the summary."""

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from service.cli.catalogue import find_document, open_collection
from service.cli.client import Client, Record
from service.cli.errors import JobFailed
from service.cli.results import print_estimate, print_section, print_summary
from service.cli.screen import Screen
from service.cli.uploads import await_read, send
from workers.styles import Style


def run(arguments: Namespace) -> int:
    """Summarise; adds the document first when it is named by a path."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    document = _document(client, screen, arguments)
    wanted = {"kind": "summary", "document_id": document["id"], **_form(arguments)}
    if arguments.dry_run:
        estimate = client.post("/v1/jobs", {**wanted, "dry_run": True})
        if screen.as_json:
            screen.result({"document": document, "estimate": estimate})
        else:
            print_estimate(screen, f"A summary of {document['name']}", estimate)
        return 0
    if arguments.night:
        _leave(screen, document, client.post("/v1/jobs", {**wanted, "when": "night"}))
        return 0
    began = time.monotonic()
    job = client.post("/v1/jobs", wanted)
    try:
        summary = follow_summary(client, screen, job["id"])
    except KeyboardInterrupt:
        screen.note(f"the summary goes on; look at it with: lectern jobs {job['id']}")
        return 130
    if screen.as_json:
        screen.result({"document": document, "job_id": job["id"], "result": summary})
    else:
        print_summary(screen, document["name"], summary, time.monotonic() - began)
    return 0


def _form(arguments: Namespace) -> Record:
    """What was said about the form; words of one's own are the custom style."""
    given = {name: getattr(arguments, name) for name in ("style", "length", "language")}
    if arguments.instruction:
        given |= {"style": given["style"] or Style.CUSTOM, "instruction": arguments.instruction}
    return {name: value for name, value in given.items() if value is not None}


def follow_summary(client: Client, screen: Screen, job_id: str) -> Record:
    """Show a summary job's progress and sections until its result is there."""
    return follow(client, screen, job_id, print_section)


def follow(
    client: Client, screen: Screen, job_id: str, tell: Callable[[Screen, Record], None]
) -> Record:
    """Show a job's progress, and by `tell` each part of its result, until it is whole."""
    with screen.progress() as progress:
        bar = progress.add_task("reading", total=100, remark="")
        for event in client.follow(job_id):
            if event.name == "progress":
                state = event.data
                of = f"{state['done']} of {state['total']}" if state.get("total") else ""
                progress.update(
                    bar,
                    description=str(state.get("stage") or "working"),
                    completed=state.get("percent", 0),
                    remark=of,
                )
            elif event.name == "partial" and not screen.as_json:
                tell(screen, event.data)
            elif event.name == "done":
                return dict(event.data["result"])
            elif event.name == "error":
                raise JobFailed(event.data["code"], event.data["message"])
    raise JobFailed("stream_ended", "the stream ended without a result")


def _leave(screen: Screen, document: Record, job: Record) -> None:
    """Nobody waits for what waits for the night."""
    said = f"{document['name']} is summarised at night; look at it with: lectern jobs {job['id']}"
    screen.done({"document": document, "job_id": job["id"]}, said)


def _document(client: Client, screen: Screen, arguments: Namespace) -> Record:
    path: Path = arguments.caller / Path(arguments.document).expanduser()
    if not path.is_file():
        return find_document(client, arguments.document, arguments.collection)
    collection = open_collection(client, arguments.collection)
    uploads = send(client, screen, collection["id"], [path])
    await_read(client, screen, uploads)
    upload = uploads[0]
    if upload.error or upload.document is None:
        error = upload.error or {"code": "not_read", "message": "the file was not read"}
        raise JobFailed(error["code"], error["message"])
    return upload.document
