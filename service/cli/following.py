"""A job that is waited for: its progress as a bar, its parts as they come, then its result."""

from collections.abc import Callable

from service.cli.client import Client, Record
from service.cli.errors import JobFailed
from service.cli.screen import Screen


def follow(
    client: Client, screen: Screen, job_id: str, show: Callable[[Screen, Record], None]
) -> Record:
    """The job's result; `show` is given each part, unless JSON is wanted. Raises JobFailed."""
    with screen.progress() as progress:
        bar = progress.add_task("reading", total=100, remark="")
        for event in client.follow(job_id):
            if event.name == "progress":
                state = event.data
                of = f"{state['done']} of {state['total']}" if state.get("total") else ""
                progress.update(
                    bar,
                    description=str(state.get("stage") or "working"),
                    completed=state.get("percent", 0),
                    remark=of,
                )
            elif event.name == "partial" and not screen.as_json:
                show(screen, event.data)
            elif event.name == "done":
                return dict(event.data["result"])
            elif event.name == "error":
                raise JobFailed(event.data["code"], event.data["message"])
    raise JobFailed("stream_ended", "the stream ended without a result")
