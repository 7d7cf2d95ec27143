"""The summaries again through the whole service, as jobs: Lectern with its engine, and the same
Lectern with llama-server in the engine's place (LECTERN_LLM_URL).

Everything else is equal: parsing, embedding, jobs, prompts, checks, and how much may be written.
Lengths are not forced here, so the two may write somewhat more or less.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import whole
from benchmarks.bench import Bench
from benchmarks.figures import Row, Sample
from benchmarks.servers import Setting
from benchmarks.workloads.pipeline import DOCUMENTS, Size, made

SETTINGS = (Setting(8, flash=False), Setting(8, flash=True))
TARGET = 1.3


def run(bench: Bench) -> Iterator[Row]:
    """Seconds from the first job until the last has ended."""
    size = Size(1_000, 0, 0)
    documents = made(bench, "service", DOCUMENTS, size)
    theirs = {}
    for setting in SETTINGS:
        with bench.server(setting) as server:
            theirs[setting.name] = _summarised(documents, _instead(server.url))
        bench.tell(f"service on {server.name}: {theirs[setting.name]:.4g} s")
    ours = Sample((_summarised(documents, {}),))
    bench.tell(f"service on its engine: {ours}")
    name = min(theirs, key=lambda one: theirs[one])
    tried = ", ".join(f"{one}: {seconds:.4g} s" for one, seconds in theirs.items())
    yield Row(
        "summaries_service",
        theirs[name] / ours.middle,
        TARGET,
        "higher",
        f"the same service on llama-server {name}",
        f"{DOCUMENTS} documents of 4–6 × {size.section} tokens as jobs; Lectern {ours}; server"
        f" {tried}; lengths not forced",
    )


def _instead(url: str) -> dict[str, str]:
    """Settings for a server, with a model that is as small as the engine knows its own to be."""
    model = {"LECTERN_LLM_MODEL": "any", "LECTERN_LLM_SMALL": "on"}
    return {"LECTERN_LLM_URL": f"{url}/v1", **model}


def _summarised(documents: list[list[str]], environment: Mapping[str, str]) -> float:
    with (
        tempfile.TemporaryDirectory() as folder,
        whole.running(Path(folder), environment) as client,
    ):
        files = {
            f"document-{number}.md": _markdown(sections)
            for number, sections in enumerate(documents)
        }
        read = whole.added(client, "Benchmarks", files)
        began = time.monotonic()
        wishes = [{"kind": "summary", "document_id": document["id"]} for document in read]
        for job in [whole.made(client, "/v1/jobs", wish)["id"] for wish in wishes]:
            whole.succeeded(client, job)
        return time.monotonic() - began


def _markdown(sections: list[str]) -> bytes:
    parts = [f"# Part {number}\n\n{text}" for number, text in enumerate(sections, 1)]
    return "\n\n".join(parts).encode()
