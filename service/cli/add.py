"""`lectern add PATH…`: files and folders into a collection, read before the command ends."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from service.cli.catalogue import find_document, open_collection
from service.cli.client import Client, Record
from service.cli.errors import OneFileOnly
from service.cli.screen import Screen
from service.cli.uploads import await_read, files_under, report, send


def run(arguments: Namespace) -> int:
    """Add and wait. Returns 1 when any file was refused or could not be read."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    paths = files_under(arguments.paths, arguments.caller)
    document = _replaced(client, arguments, paths)
    if document is None:
        collection = open_collection(client, arguments.collection)
        uploads = send(client, screen, collection["id"], paths)
    else:
        collection = client.get(f"/v1/collections/{document['collection_id']}")
        uploads = send(client, screen, collection["id"], paths, document["id"])
    interrupted = False
    if not arguments.no_wait:
        try:
            await_read(client, screen, uploads)
        except KeyboardInterrupt:
            interrupted = True
            screen.note("the reading goes on; look at it with: lectern jobs")
    failed = sum(upload.error is not None for upload in uploads)
    if screen.as_json:
        screen.result({"collection": collection, "files": [upload.public() for upload in uploads]})
    elif not interrupted:
        report(screen, uploads)
        screen.note(f"{len(uploads) - failed} of {len(uploads)} files in “{collection['name']}”")
    return 130 if interrupted else int(failed > 0)


def _replaced(client: Client, arguments: Namespace, paths: Sequence[Path]) -> Record | None:
    """The document that gets a new version, if one is named."""
    if arguments.to is None:
        return None
    if len(paths) > 1:
        raise OneFileOnly(count=len(paths))
    return find_document(client, arguments.to, arguments.collection)
