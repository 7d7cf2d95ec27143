"""`lectern webhooks`: who hears how jobs end."""

from argparse import Namespace

from service.cli.client import Client, Record
from service.cli.screen import Screen, cells


def run(arguments: Namespace) -> int:
    """`webhooks`, `webhooks add URL`, `webhooks test ID` or `webhooks remove ID`.

    Returns 1 when a test did not arrive.
    """
    screen, client = Screen(arguments.json), Client(arguments.url)
    match arguments.action:
        case "add":
            wanted = {"url": arguments.target, "events": arguments.on, "kinds": arguments.kind}
            _print_made(screen, client.post("/v1/webhooks", wanted))
        case "test":
            return _print_test(screen, client.post(f"/v1/webhooks/{arguments.id}/test"))
        case "remove":
            client.delete(f"/v1/webhooks/{arguments.id}")
            screen.done({"removed": arguments.id}, f"{arguments.id} hears nothing any more")
        case _:
            _print_list(screen, client.get("/v1/webhooks"))
    return 0


def _print_list(screen: Screen, listing: Record) -> None:
    if screen.as_json:
        screen.result(listing)
        return
    table = screen.table("webhook", "on", "of", "", "url")
    for webhook in listing["webhooks"]:
        held = "" if webhook["active"] else "held"
        on, kinds = " ".join(webhook["events"]), " ".join(webhook["kinds"]) or "all jobs"
        table.add_row(*cells(webhook["id"], on, kinds, held, webhook["url"]))
    screen.show(table)


def _print_made(screen: Screen, webhook: Record) -> None:
    if screen.as_json:
        screen.result({"webhook": webhook})
        return
    screen.line(f"{webhook['id']}  {webhook['url']}", "bold")
    screen.line(f"secret: {webhook['secret']}")
    screen.note("Messages are signed with it. It is not shown again.", "dim")


def _print_test(screen: Screen, delivery: Record) -> int:
    arrived = delivery["status"] == "delivered"
    came = delivery["error"] or f"HTTP {delivery['response_code']}: {delivery['response']}"
    if delivery["status"] == "pending":
        came = "No worker has sent it yet."
    screen.done({"delivery": delivery}, f"{delivery['status']}: {came}")
    return 0 if arrived else 1
