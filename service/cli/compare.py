"""`lectern compare DOC DOC…`: what agrees, what differs, and what only one of them says."""

import time
from argparse import Namespace
from collections.abc import Sequence

from service.cli.catalogue import find_document
from service.cli.client import Client, Record
from service.cli.differences import print_comparison, print_pair
from service.cli.errors import NoEarlierVersion
from service.cli.following import follow
from service.cli.results import print_estimate
from service.cli.screen import Screen


def run(arguments: Namespace) -> int:
    """Compare documents, or the two newest versions of a single one."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    documents = [find_document(client, name, arguments.collection) for name in arguments.documents]
    wanted = {"kind": "compare", **_wanted(client, documents)}
    wanted |= {name: value for name in ("focus", "language") if (value := vars(arguments)[name])}
    if arguments.dry_run:
        estimate = client.post("/v1/jobs", {**wanted, "dry_run": True})
        if screen.as_json:
            screen.result({"documents": documents, "estimate": estimate})
        else:
            print_estimate(screen, "A comparison", estimate)
        return 0
    began = time.monotonic()
    job = client.post("/v1/jobs", wanted)
    try:
        comparison = follow(client, screen, job["id"], print_pair)
    except KeyboardInterrupt:
        screen.note(f"the comparison goes on; look at it with: lectern jobs {job['id']}")
        return 130
    if screen.as_json:
        screen.result({"documents": documents, "job_id": job["id"], "result": comparison})
    else:
        print_comparison(screen, comparison, time.monotonic() - began)
    return 0


def _wanted(client: Client, documents: Sequence[Record]) -> Record:
    if len(documents) > 1:
        return {"document_ids": [document["id"] for document in documents]}
    document = documents[0]
    listed = client.get(f"/v1/documents/{document['id']}/versions")["versions"]
    read = [one["id"] for one in listed if one["page_count"] is not None]
    if len(read) < 2:
        raise NoEarlierVersion(name=document["name"])
    newest, before = read[:2]
    return {"versions": [[document["id"], before], [document["id"], newest]]}
