"""`lectern jobs`: list, show, cancel and move to the front."""

from argparse import Namespace
from datetime import datetime

from service.cli.client import Client, Record
from service.cli.results import duration
from service.cli.screen import Screen, cells

ACTIONS = frozenset({"cancel", "front"})


def run(arguments: Namespace) -> int:
    """`jobs`, `jobs ID`, `jobs cancel ID`, `jobs front ID` or `jobs --accuracy`."""
    screen, client = Screen(arguments.json), Client(arguments.url)
    match arguments.words:
        case [] if arguments.accuracy:
            _print_accuracy(screen, client.get("/v1/jobs/accuracy"))
        case []:
            _print_list(screen, client.get("/v1/jobs", limit=arguments.limit))
        case [action, job_id] if action in ACTIONS:
            _print_job(screen, _act(client, action, job_id), [])
        case [job_id] if job_id not in ACTIONS:
            job = client.get(f"/v1/jobs/{job_id}")
            _print_job(screen, job, client.get(f"/v1/jobs/{job_id}/steps")["steps"])
        case _:
            arguments.usage_error("give nothing, ID, cancel ID, or front ID")
    return 0


def _act(client: Client, action: str, job_id: str) -> Record:
    if action == "cancel":
        return client.post(f"/v1/jobs/{job_id}/cancel")
    return client.post(f"/v1/jobs/{job_id}/priority", {"front": True})


def _print_list(screen: Screen, listing: Record) -> None:
    if screen.as_json:
        screen.result(listing)
        return
    table = screen.table("job", "kind", "status", "done", "left", "since", "about")
    for job in listing["jobs"]:
        done = f"{(job['progress'] or {}).get('percent', 0):.0f} %"
        since, left = _clock(job["created_at"]), _left(job)
        about = _about(job)
        table.add_row(*cells(job["id"], job["kind"], job["status"], done, left, since, about))
    screen.show(table)


def _print_job(screen: Screen, job: Record, steps: list[Record]) -> None:
    if screen.as_json:
        screen.result({"job": job, "steps": steps} if steps else {"job": job})
        return
    screen.line(f"{job['id']}  {job['kind']}  {job['status']}", "bold")
    facts = {
        "about": _about(job),
        "lane": f"{job['lane']}, priority {job['priority']}",
        "owner": job.get("owner"),
        "created": _clock(job["created_at"]),
        "started": _clock(job["started_at"]),
        "finished": _clock(job["finished_at"]),
        "estimated": _estimated(job["estimate"]),
        "cancelled": _cancelled(job.get("cancelled_after")),
    }
    table = screen.table("", "")
    for name, value in facts.items():
        if value:
            table.add_row(*cells(name, value))
    screen.show(table)
    if not steps:
        return
    table = screen.table("step", "status", "claims", "lost", "retries", "error")
    for step in steps:
        name = f"{step['kind']} {step['ordinal']}"
        counts = (step["claims"], step["lost"], step["retries"])
        error = (step["error"] or {}).get("message", "")
        table.add_row(*cells(name, step["status"], *counts, error))
    screen.show(table)


def _print_accuracy(screen: Screen, accuracy: Record) -> None:
    if screen.as_json:
        screen.result(accuracy)
        return
    if not accuracy["jobs"]:
        screen.line("no job with an estimate has succeeded yet")
        return
    table = screen.table(f"of the latest {accuracy['jobs']} jobs", "")
    table.add_row(*cells("ended by their p90", f"{accuracy['within_p90']:.0%}"))
    table.add_row(*cells("ended within 30 % of their p50", f"{accuracy['near_p50']:.0%}"))
    table.add_row(*cells("took, by their p50, in the middle", f"{accuracy['median_ratio']:.2f}"))
    screen.show(table)


def _left(job: Record) -> str:
    seconds = (job["estimate"] or {}).get("remaining")
    return "" if seconds is None else duration(seconds)


def _estimated(estimate: Record | None) -> str:
    """What was said, and what came of it."""
    if estimate is None:
        return ""
    said = f"{duration(estimate['p50'])}, at most {duration(estimate['p90'])}"
    if estimate["real"] is not None:
        said += f"; took {duration(estimate['real'])}"
    return said + (f"; {estimate['kept']} steps known from before" if estimate["kept"] else "")


def _cancelled(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s after it was asked for"


def _about(job: Record) -> str:
    """The one thing worth saying: why it failed, why it waits, or what it works on."""
    if job.get("error"):
        return f"{job['error']['message']} ({job['error']['code']})"
    if job.get("waiting"):
        starts = job["waiting"].get("starts_in")
        return str(job["waiting"]["message"]) + (
            f" Starts in {duration(starts)}." if starts else ""
        )
    params = job.get("params") or {}
    return str(params.get("question") or job.get("document_id") or job.get("collection_id") or "")


def _clock(moment: float | None) -> str:
    return "" if moment is None else f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"
