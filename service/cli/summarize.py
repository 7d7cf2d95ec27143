"""`lectern summarize DOC`: the whole document, section by section, then the summary."""

import time
from argparse import Namespace

from service.cli.client import Client, Record
from service.cli.documents import named
from service.cli.following import follow
from service.cli.results import print_estimate, print_section, print_summary
from service.cli.screen import Screen
from workers.styles import Style


def run(arguments: Namespace) -> int:
    """Summarise; adds the document first when it is named by a path."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    document = named(client, screen, arguments.document, arguments)
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


def _leave(screen: Screen, document: Record, job: Record) -> None:
    """Nobody waits for what waits for the night."""
    said = f"{document['name']} is summarised at night; look at it with: lectern jobs {job['id']}"
    screen.done({"document": document, "job_id": job["id"]}, said)
