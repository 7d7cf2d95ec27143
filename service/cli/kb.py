"""`lectern kb`: the collections, their indexes, and making these anew."""

from argparse import Namespace

from service.cli.catalogue import find_collection
from service.cli.client import Client, Record
from service.cli.following import follow
from service.cli.results import duration
from service.cli.screen import Screen, cells


def run(arguments: Namespace) -> int:
    """`kb`, or `kb reindex [NAME…]`."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    if arguments.action == "reindex":
        return _reindex(screen, client, arguments)
    _print_list(screen, client.get("/v1/collections"))
    return 0


def _reindex(screen: Screen, client: Client, arguments: Namespace) -> int:
    chosen = _chosen(client, arguments.names)
    if not chosen:
        screen.done({"reindexed": []}, "every collection is of the embedder in use")
        return 0
    told = [_one(screen, client, collection, arguments) for collection in chosen]
    if screen.as_json:
        screen.result({"reindexed": told})
    return 0


def _chosen(client: Client, names: list[str]) -> list[Record]:
    if names:
        return [find_collection(client, name) for name in names]
    everything = client.get("/v1/collections")["collections"]
    return [one for one in everything if one["index"] and one["index"]["current"] is False]


def _one(screen: Screen, client: Client, collection: Record, arguments: Namespace) -> Record:
    """Ask for it, and follow it unless nobody waits; what there is to tell of it."""
    path, name = f"/v1/collections/{collection['id']}/reindex", collection["name"]
    if arguments.dry_run:
        estimate = client.post(path, {"dry_run": True})
        _say(screen, _estimated(name, estimate))
        return {"collection": collection, "estimate": estimate}
    wish = {"when": "night"} if arguments.night else {}
    job_id = client.post(path, wish)["job"]["id"]
    told = {"collection": collection, "job_id": job_id}
    if arguments.night or arguments.no_wait:
        _say(screen, f"{name}: look at it with: lectern jobs {job_id}")
        return told
    result = follow(client, screen, job_id, lambda *_: None)
    _say(screen, _done(name, result))
    return {**told, "result": result}


def _say(screen: Screen, text: str) -> None:
    if not screen.as_json:
        screen.line(text)


def _estimated(name: str, estimate: Record) -> str:
    known = f", {estimate['known']:,} of them embedded already" if estimate["known"] else ""
    return (
        f"{name}: {estimate['chunks']:,} passages{known}; about {duration(estimate['p50'])}, "
        f"nine times in ten at most {duration(estimate['p90'])}"
    )


def _done(name: str, result: Record) -> str:
    if result["generation_id"] is None:
        return f"{name}: nothing is embedded yet"
    after, chunks = result["after"], result["chunks"]
    if result["same"]:
        return f"{name}: {chunks:,} passages, their index was made anew"
    said = f"{name}: {chunks:,} passages, by {after['name']} ({after['dimensions']} dimensions)"
    return f"{said} in the place of {result['before']['name']}"


def _print_list(screen: Screen, listing: Record) -> None:
    if screen.as_json:
        screen.result(listing)
        return
    table = screen.table("collection", "documents", "embedder", "dimensions", "index", "id")
    for one in listing["collections"]:
        index = one["index"] or {}
        about = index.get("embedder", ""), index.get("dimensions") or ""
        table.add_row(*cells(one["name"], one["documents"], *about, _state(index), one["id"]))
    screen.show(table)


def _state(index: Record) -> str:
    """How an index stands, in a few words."""
    if not index:
        return "nothing embedded yet"
    if job := index["reindex"]:
        return f"another one is made, {job['percent']:.0f} %"
    if index["current"] is False:
        return "of another embedder: lectern kb reindex"
    return ""
