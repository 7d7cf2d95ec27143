"""Meetings with a reference summary, as QMSum has them (Zhong et al., NAACL 2021)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Meeting:
    """A transcript and what a person wrote about the whole of it."""

    name: str
    text: str  #: one paragraph for each turn, which begins with the speaker's name
    reference: str


def meetings(path: Path, limit: int) -> list[Meeting]:
    """The first `limit` meetings of a JSON-lines file that have a general summary."""
    with path.open(encoding="utf-8") as file:
        return list(islice(_meetings(map(json.loads, file)), limit))


def _meetings(rows: Iterator[dict[str, Any]]) -> Iterator[Meeting]:
    for number, row in enumerate(rows, 1):
        if general := row["general_query_list"]:
            turns = [f"{one['speaker']}: {one['content']}" for one in row["meeting_transcripts"]]
            text = "\n\n".join(turns)
            yield Meeting(f"meeting-{number}.txt", text, general[0]["answer"])
