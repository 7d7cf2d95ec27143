"""How a long command says how far it is: one JSON object a line on standard output.

{"doing": "fetching model.gguf", "done": 3, "total": 9, "unit": "bytes"}
{"result": {…}}    or    {"error": {"code": …, "message": …}}    at the end
"""

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

#: Seconds between two lines about the same doing.
PAUSE = 0.2


class Tell(Protocol):
    """Who is told how far a command is."""

    def __call__(self, doing: str, done: float = 0, total: float | None = None) -> None:
        """`done` of `total`, in whatever is counted; None: nobody knows."""


class Lines:
    """Tells on standard output, not more often than anybody can see."""

    def __init__(self) -> None:
        self._doing, self._at = "", 0.0

    def __call__(self, doing: str, done: float = 0, total: float | None = None) -> None:
        """See Tell."""
        moment = time.monotonic()
        if doing == self._doing and moment - self._at < PAUSE and done != total:
            return
        self._doing, self._at = doing, moment
        say({"doing": doing, "done": done, "total": total})


def say(told: Mapping[str, Any]) -> None:
    """One line."""
    print(json.dumps(told, ensure_ascii=False), flush=True)
