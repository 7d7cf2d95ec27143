"""`lectern schedules`: what is done again and again."""

from argparse import Namespace
from datetime import datetime

from service.cli.catalogue import find_collection, find_document, open_collection
from service.cli.client import Client, Record
from service.cli.screen import Screen, cells

#: Errands whose jobs are readings, which never wait for the night.
TAKING_IN = {"watch", "mail"}


def run(arguments: Namespace) -> int:
    """`schedules`, `schedules add CRON …`, `schedules run ID` or `schedules remove ID`."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    match arguments.action:
        case "add":
            _print_made(screen, client.post("/v1/schedules", _wanted(client, arguments)))
        case "run":
            schedule = client.post(f"/v1/schedules/{arguments.id}/run")
            screen.done({"schedule": schedule}, f"{schedule['name']}: a worker begins in seconds")
        case "remove":
            client.delete(f"/v1/schedules/{arguments.id}")
            screen.done({"removed": arguments.id}, f"{arguments.id} is done no more")
        case _:
            _print_list(screen, client.get("/v1/schedules"))
    return 0


def _wanted(client: Client, arguments: Namespace) -> Record:
    what, name = _errand(client, arguments)
    if arguments.night and what["kind"] not in TAKING_IN:
        what["when"] = "night"
    return {
        "name": arguments.name or name,
        "cron": arguments.cron,
        "timezone": arguments.timezone,
        "what": what,
    }


def _errand(client: Client, arguments: Namespace) -> tuple[Record, str]:
    """What is to be done, and what to call it."""
    if arguments.summary:
        document = find_document(client, arguments.summary, arguments.collection)
        return {"kind": "summary", "document_id": document["id"]}, f"summary of {document['name']}"
    if arguments.watch:
        collection = open_collection(client, arguments.collection)
        folder = str(arguments.caller.absolute() / arguments.watch.expanduser())
        what = {"kind": "watch", "collection_id": collection["id"], "folder": folder}
        return what, f"{arguments.watch} into {collection['name']}"
    if arguments.mail:
        collection = open_collection(client, arguments.collection)
        what = {"kind": "mail", "collection_id": collection["id"], "mailbox": arguments.mail}
        return what, f"mail of {arguments.mail} into {collection['name']}"
    collection = find_collection(client, arguments.collection)
    what = {"kind": "summaries", "collection_id": collection["id"]}
    return what, f"summaries of {collection['name']}"


def _print_made(screen: Screen, schedule: Record) -> None:
    begins = _clock(schedule["next_run_at"])
    screen.done({"schedule": schedule}, f"{schedule['id']}  {schedule['name']}, first {begins}")


def _print_list(screen: Screen, listing: Record) -> None:
    if screen.as_json:
        screen.result(listing)
        return
    table = screen.table("schedule", "cron", "next", "last", "name", "outcome")
    for schedule in listing["schedules"]:
        times = _clock(schedule["next_run_at"]) or "rests", _clock(schedule["last_run_at"])
        name = schedule["name"]
        table.add_row(*cells(schedule["id"], schedule["cron"], *times, name, _outcome(schedule)))
    screen.show(table)


def _outcome(schedule: Record) -> str:
    """What the last run came to, in a few words."""
    if schedule["running"]:
        return "runs"
    if error := schedule["last_error"]:
        return f"{error['message']} ({error['code']})"
    outcome = schedule["last_outcome"] or {}
    said = [
        f"{count} {name}" for name in ("added", "failed", "jobs") if (count := outcome.get(name))
    ]
    said += [f"{one['file']}: {one['message']}" for one in outcome.get("failures", ())[:3]]
    return " · ".join(said)


def _clock(moment: float | None) -> str:
    return "" if moment is None else f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M}"
