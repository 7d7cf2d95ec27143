"""Summaries of meetings: by Lectern as its users have it, and by the naive ways, in one run."""

import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from benchmarks import models, whole
from benchmarks.evaluation.baselines import ANSWER_TOKENS, Summarise, baselines
from benchmarks.evaluation.measures import MEASURES, Judge, Measured, beaten, means
from benchmarks.evaluation.meetings import Meeting, meetings
from ingest.embed import Embedder
from ingest.settings import settings as library_settings
from workers.chat_model import LecternChat
from workers.engine import library, weights
from workers.engine.engine import Engine
from workers.engine.profile import profile_for
from workers.settings import Settings

OURS = "Lectern"
TOGETHER = 4  #: meetings that a naive way has in hand at once
MEETINGS = 10  #: unless told
Written = Mapping[str, Sequence[str]]  #: summaries by system, in the order of the meetings


def run(arguments: Namespace, results: TextIO) -> int:
    """Write the table; 1 when a baseline is better at anything."""
    library.quiet()
    given = meetings(arguments.data, arguments.limit or MEETINGS)
    written = {OURS: list(_ours(given, arguments.length)), **_theirs(given)}
    judge = Judge(Embedder(library_settings().embedder, 2), arguments.length)
    measured = {
        name: means(
            [
                judge.measure(text, meeting.reference, meeting.text)
                for text, meeting in zip(texts, given, strict=True)
            ]
        )
        for name, texts in written.items()
    }
    if arguments.json:
        json.dump({"meetings": len(given), "measured": measured, "written": written}, results)
    else:
        _show(measured, len(given), results)
    return int(any(_losses(measured)))


def _ours(given: Sequence[Meeting], length: int) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        whole.running(Path(folder), {}) as client,
    ):
        files = {meeting.name: meeting.text.encode() for meeting in given}
        began, jobs = time.monotonic(), []
        for document in whole.added(client, "Meetings", files):
            wish = {"kind": "summary", "document_id": document["id"], "length": length}
            jobs.append(whole.made(client, "/v1/jobs", wish)["id"])
        for meeting, job in zip(given, jobs, strict=True):
            ended = whole.succeeded(client, job)
            _tell(OURS, meeting.name, began)
            yield str(ended["result"]["summary"])


def _theirs(given: Sequence[Meeting]) -> Written:
    settings = Settings()
    profile = profile_for(settings, weights.source(settings.model))
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(models.lectern(), settings, profile, Path(folder))
        try:
            ways = baselines(LecternChat(engine=engine, max_tokens=ANSWER_TOKENS), engine)
            with ThreadPoolExecutor(TOGETHER) as pool:
                return {
                    name: list(pool.map(partial(_one, name, summarise), given))
                    for name, summarise in ways.items()
                }
        finally:
            engine.close()


def _one(name: str, summarise: Summarise, meeting: Meeting) -> str:
    began = time.monotonic()
    text = summarise(meeting.text)
    _tell(name, meeting.name, began)
    return text


def _losses(measured: Mapping[str, Measured]) -> Iterator[tuple[str, str]]:
    """Where a baseline is as good as Lectern or better."""
    for name, theirs in measured.items():
        if name != OURS:
            won = set(beaten(measured[OURS], theirs))
            yield from ((name, measure) for measure in MEASURES if measure not in won)


def _show(measured: Mapping[str, Measured], count: int, results: TextIO) -> None:
    table = Table("", *MEASURES, title=f"Summaries of {count} meetings")
    for name, values in measured.items():
        table.add_row(name, *(f"{values[measure]:.3f}" for measure in MEASURES))
    console = Console(file=results)
    console.print(table)
    for name, measure in _losses(measured):
        console.print(f"not better than {name}: {measure}")


def _tell(system: str, name: str, began: float) -> None:
    print(f"  {system}: {name}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
