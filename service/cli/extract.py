"""`lectern extract DOC… --schema FILE`: what a JSON schema asks for, out of every document."""

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from service.cli.client import Client, Record
from service.cli.documents import named
from service.cli.errors import FileUnusable
from service.cli.following import follow
from service.cli.results import coverage, pages, print_estimate
from service.cli.screen import Screen, cells


def run(arguments: Namespace) -> int:
    """Extract; adds the documents that are named by a path first."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    schema = _schema(arguments.caller / arguments.schema.expanduser())
    documents = [named(client, screen, name, arguments) for name in arguments.documents]
    wanted = {
        "kind": "extract",
        "document_ids": [document["id"] for document in documents],
        "schema": schema,
        "instruction": arguments.instruction,
    }
    if arguments.dry_run:
        estimate = client.post("/v1/jobs", {**wanted, "dry_run": True})
        if screen.as_json:
            screen.result({"documents": documents, "estimate": estimate})
        else:
            print_estimate(screen, f"An extraction from {_names(documents)}", estimate)
        return 0
    if arguments.night:
        job = client.post("/v1/jobs", {**wanted, "when": "night"})
        said = f"{_names(documents)} wait for the night; look at it with: lectern jobs {job['id']}"
        screen.done({"documents": documents, "job_id": job["id"]}, said)
        return 0
    began = time.monotonic()
    job = client.post("/v1/jobs", wanted)
    try:
        result = follow(client, screen, job["id"], _print_part)
    except KeyboardInterrupt:
        screen.note(f"the extraction goes on; look at it with: lectern jobs {job['id']}")
        return 130
    _save_tables(client, screen, job["id"], arguments)
    if screen.as_json:
        screen.result({"job_id": job["id"], "result": result})
    else:
        for document in result["documents"]:
            _print_document(screen, document)
        screen.line(f"{time.monotonic() - began:.1f} s", "dim")
    return 0


def _schema(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise FileUnusable(path=path, reason=error) from error


def _save_tables(client: Client, screen: Screen, job_id: str, arguments: Namespace) -> None:
    for kind, chosen in (("csv", arguments.csv), ("xlsx", arguments.xlsx)):
        if chosen is None:
            continue
        path: Path = arguments.caller / chosen.expanduser()
        query = {"format": kind, "evidence": str(arguments.evidence).lower()}
        table = client.download(f"/v1/jobs/{job_id}/table", **query)
        try:
            path.write_bytes(table)
        except OSError as error:
            raise FileUnusable(path=path, reason=error) from error
        screen.note(f"  ✓ {path}", "dim")


def _names(documents: list[Record]) -> str:
    first = str(documents[0]["name"])
    return first if len(documents) == 1 else f"{first} and {len(documents) - 1} more"


def _print_part(screen: Screen, part: Record) -> None:
    """One line for a section that has just been read, one for a document."""
    if part["level"]:
        screen.note(f"✓ {part['name']}")
        return
    found = [name for name, value in part["values"].items() if value is not None]
    again = "  (kept from before)" if part["reused"] else ""
    said = f"  {', '.join(found)}" if found else ""
    screen.note(f"  ✓ {pages(*part['pages'])}  {part['title']}{said}{again}", "dim")


def _print_document(screen: Screen, document: Record) -> None:
    """What was found in one document, field by field."""
    screen.line(document["name"], "bold")
    table = screen.table("field", "value", "page", "sure", "quote")
    for name, field in document["fields"].items():
        value = field["value"]
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        mark = "" if value is None else "✓" if field["verified"] else "✗"
        sure = "" if value is None else f"{mark} {field['confidence']:.2f}"
        quote = " ".join((field["quote"] or "").split())
        table.add_row(*cells(name, shown, field["page"], sure, quote))
    screen.show(table)
    for error in document["errors"]:
        screen.line(f"  ✗ {error['at']}: {error['message']}", "yellow")
    screen.line(f"  {coverage(document)}", "dim")
