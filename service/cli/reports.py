"""What `lectern up` says while it works: a list for people, one JSON object a line for programs."""

import json

from rich.status import Status

from service.cli.screen import Screen

DOING = {
    "redis": "messages",
    "chroma": "vector index",
    "service": "web page and API",
    "worker": "language model; the first start converts it, once",
}


class TerminalReport:
    """Start-up as a list with times."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._status: Status | None = None

    def starting(self, part: str) -> None:
        """Show that a part is being waited for."""
        self._clear()
        self._status = self._screen.err.status(f"{part}: {DOING.get(part, '')} …")
        self._status.start()

    def started(self, part: str, seconds: float) -> None:
        """Tick it off."""
        self._clear()
        self._screen.note(f"✓ {part:<9} {seconds:5.1f} s", "green")

    def died(self, part: str, how: str, retry_s: float) -> None:
        """Say that it is being started again."""
        self._clear()
        self._screen.note(f"! {part} ended ({how}); starting it again in {retry_s:g} s", "yellow")

    def stopping(self, part: str) -> None:
        """Say what is being waited for."""
        self._clear()
        self._screen.note(f"  stopping {part}", "dim")

    def model(self, name: str, stage: str, message: str) -> None:
        """Say how far a change of the model is."""
        self._clear()
        self._screen.note(f"  model {name}: {message}", "yellow" if stage == "failed" else "")

    def address(self, url: str) -> None:
        """Say where the page is."""
        self._clear()
        self._screen.note(f"\nLectern is up at {url}   (Ctrl-C stops it)", "bold")

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class JsonReport:
    """The same as one object a line."""

    def starting(self, part: str) -> None:
        """A part is being waited for."""
        self._say(event="starting", part=part)

    def started(self, part: str, seconds: float) -> None:
        """It works."""
        self._say(event="started", part=part, seconds=round(seconds, 2))

    def died(self, part: str, how: str, retry_s: float) -> None:
        """It ended and is started again."""
        self._say(event="died", part=part, how=how, retry_s=retry_s)

    def stopping(self, part: str) -> None:
        """It is being stopped."""
        self._say(event="stopping", part=part)

    def model(self, name: str, stage: str, message: str) -> None:
        """How far a change of the model is."""
        self._say(event="model", model=name, stage=stage, message=message)

    def address(self, url: str) -> None:
        """Everything is up."""
        self._say(event="up", url=url)

    def _say(self, **event: object) -> None:
        print(json.dumps(event), flush=True)
