"""The document that is meant by an id, a name, or a file, which is added first."""

from argparse import Namespace
from pathlib import Path

from service.cli.catalogue import find_document, open_collection
from service.cli.client import Client, Record
from service.cli.errors import JobFailed
from service.cli.screen import Screen
from service.cli.uploads import await_read, send


def named(client: Client, screen: Screen, name: str, arguments: Namespace) -> Record:
    """The document, read. Raises NoSuchDocument, Ambiguous, and JobFailed for a bad file."""
    path: Path = arguments.caller / Path(name).expanduser()
    if not path.is_file():
        return find_document(client, name, arguments.collection)
    collection = open_collection(client, arguments.collection)
    uploads = send(client, screen, collection["id"], [path])
    await_read(client, screen, uploads)
    upload = uploads[0]
    if upload.error or upload.document is None:
        error = upload.error or {"code": "not_read", "message": "the file was not read"}
        raise JobFailed(error["code"], error["message"])
    return upload.document
