"""Finds the collection or document a user means by what they typed."""

from collections.abc import Sequence

from service.cli.arguments import DEFAULT_COLLECTION
from service.cli.client import Client, Record
from service.cli.errors import Ambiguous, ApiError, NoSuchCollection, NoSuchDocument


def open_collection(client: Client, name: str | None) -> Record:
    """The collection to add to; made if it is not there."""
    wanted = name or DEFAULT_COLLECTION
    if found := _named(_collections(client), wanted):
        return found
    try:
        return client.post("/v1/collections", {"name": wanted})
    except ApiError as error:
        if error.code != "collection_name_taken":
            raise
    # Somebody made it in between.
    return find_collection(client, wanted)


def find_collection(client: Client, name: str | None) -> Record:
    """The collection to ask: the named one, or the one that goes without saying."""
    everything = _collections(client)
    if name:
        if found := _named(everything, name):
            return found
        raise NoSuchCollection(name=name, names=_names(everything))
    filled = [one for one in everything if one.get("documents")]
    if found := _named(filled, DEFAULT_COLLECTION):
        return found
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise NoSuchCollection(name=DEFAULT_COLLECTION, names=_names(everything))
    raise Ambiguous(name="--collection", choices=_names(filled))


def find_document(client: Client, name: str, collection: str | None) -> Record:
    """The document with this id, or with this name in any (or the named) collection."""
    if name.startswith("doc_"):
        return client.get(f"/v1/documents/{name}")
    places = [find_collection(client, collection)] if collection else _collections(client)
    same = [
        document
        for place in places
        for document in client.get(f"/v1/collections/{place['id']}/documents")["documents"]
        if document["name"].casefold() == name.casefold()
    ]
    if not same:
        raise NoSuchDocument(name=name)
    if len(same) > 1:
        raise Ambiguous(name=name, choices=", ".join(str(one["id"]) for one in same))
    document: Record = same[0]
    return document


def _collections(client: Client) -> list[Record]:
    return list(client.get("/v1/collections")["collections"])


def _named(collections: Sequence[Record], name: str) -> Record | None:
    """By id, then by exact name, then by name in any case."""
    by_id = [one for one in collections if one["id"] == name]
    exact = [one for one in collections if one["name"] == name]
    folded = [one for one in collections if one["name"].casefold() == name.casefold()]
    return next(iter(by_id + exact + folded), None)


def _names(collections: Sequence[Record]) -> str:
    return ", ".join(str(one["name"]) for one in collections) or "none yet"
