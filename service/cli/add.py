"""`lectern add PATH…`: files and folders into a collection, read before the command ends."""

from argparse import Namespace

from service.cli.catalogue import open_collection
from service.cli.client import Client
from service.cli.screen import Screen
from service.cli.uploads import await_read, files_under, report, send


def run(arguments: Namespace) -> int:
    """Add and wait. Returns 1 when any file was refused or could not be read."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    paths = files_under(arguments.paths, arguments.caller)
    collection = open_collection(client, arguments.collection)
    uploads = send(client, screen, collection["id"], paths)
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
