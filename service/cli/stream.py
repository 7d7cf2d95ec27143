"""Server-sent events, as the service writes them.

Lines are split at line feeds only: a JSON string may hold U+2028, which `str.splitlines` takes
for a line end (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a job's stream."""

    id: str | None
    name: str
    data: dict[str, Any]

    @property
    def ends(self) -> bool:
        """Whether nothing comes after it."""
        return self.name in {"done", "error"}


def parse_events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events in a body that arrives in pieces of any size; comments are left out."""
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if not line:
            if "data" in fields:
                data = json.loads(fields["data"])
                yield Event(fields.get("id"), fields.get("event", "message"), data)
            fields = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in fields:
            value = f"{fields['data']}\n{value}"
        fields[name] = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.removesuffix(b"\r").decode(errors="replace")
