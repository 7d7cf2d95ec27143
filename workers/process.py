"""The worker process: loads the tools once, then lets Celery's thread pool bring steps.

Threads, not child processes: all steps share one engine, which batches them. A pool of children
would load the model once per child and batch nothing.
"""

import signal
import sys
from collections.abc import Iterator
from functools import cache

import structlog
from celery.signals import worker_shutdown, worker_shutting_down
from celery.worker import state as worker_state

from ingest import blobs, generations
from ingest.database import require_schema, writing
from ingest.embed import Embedder
from ingest.embedders import Embedders
from ingest.errors import LecternError
from ingest.reranker import Reranker
from ingest.settings import settings as ingest_settings
from ingest.vectors import VectorIndex
from workers import courier, errands, fleet, homes, language, logs
from workers.app import app
from workers.dispatcher import INTERACTIVE_OVERBOOKING
from workers.engine.engine import Engine
from workers.engine.requests import Request
from workers.engine.template import Message
from workers.engine.topology import usable_cores
from workers.rounds import Duty, Rounds
from workers.runtime import Runtime
from workers.settings import Settings, settings
from workers.states import Lane
from workers.upkeep import Upkeep
from workers.work import Tools

LEAVE_SECONDS = 12.0  #: a delivery takes ten at most
SWEEP_SECONDS = 3_600.0
TICKS_PER_LOOK = 30  #: at the dense index
CLEAR_SECONDS = 5.0  #: between two looks for generations whose time is over
REST_SECONDS = 60.0  #: between two looks for embedders that nobody uses

log = structlog.get_logger()


@cache
def runtime() -> Runtime:
    """The process's runtime, loaded at the first call. May take some seconds."""
    chosen, library = settings(), ingest_settings()
    model = language.load(chosen)
    _prove(model.engine)
    about = homes.report(homes.settle())
    threads = chosen.threads or usable_cores()
    embedders = Embedders(
        Embedder(library.embedder, threads), lambda folder: Embedder(folder, threads)
    )
    with writing() as session:
        generations.adopt(session, embedders.current)
    reranker = Reranker(library.reranker, library.rerank_ms) if library.reranker else None
    tools = Tools(model, embedders, VectorIndex(library.chroma_url), reranker)
    return Runtime(tools, chosen, about)


def serve() -> None:
    """Run until told to stop. Blocks. Exits with 1, and says why, when it can't start."""
    logs.configure()
    try:
        require_schema()
        ours = _loaded()
    except LecternError as error:
        log.critical("worker_unfit", code=error.code, error=str(error))
        sys.exit(1)
    blobs.sweep()
    chosen = settings()
    rounds = Rounds(_duties(ours, chosen))
    worker_shutting_down.connect(lambda **_: ours.stop(), weak=False)
    worker_shutting_down.connect(lambda **_: rounds.stop(), weak=False)
    worker_shutdown.connect(lambda **_: ours.leave(), weak=False)
    worker_shutdown.connect(lambda **_: rounds.leave(LEAVE_SECONDS), weak=False)
    signal.signal(signal.SIGUSR2, lambda *_: _drain(ours))
    ours.start()
    rounds.start()
    threads = chosen.batch_slots + chosen.interactive_slots * INTERACTIVE_OVERBOOKING
    log.info("worker_ready", owner=ours.owner, threads=threads)
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=threads",
            f"--concurrency={threads}",
            f"--queues={','.join(Lane)}",
            f"--hostname={ours.owner}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )


def _loaded() -> Runtime:
    """The runtime; why it can't be loaded is told to whoever waits for a worker."""
    try:
        return runtime()
    except LecternError as error:
        fleet.note_fault(error)
        raise


def _prove(engine: Engine | None) -> None:
    """One word: a model that can't write one must not count as a worker, and is warm then."""
    if engine is None:
        return
    prompt = engine.prompt([Message("user", "Hello.")])
    for _ in engine.generate(Request(prompt.tokens, max_tokens=1)):
        pass


def _drain(ours: Runtime) -> None:
    """End when the last step that is held has ended. A SIGTERM later on hurries, as always."""
    ours.drain()
    worker_state.should_stop = 0  # Celery's warm end, without the signal that tells all to stop


def _duties(ours: Runtime, chosen: Settings) -> Iterator[Duty]:
    index = VectorIndex(ingest_settings().chroma_url)
    upkeep = Upkeep(index, lambda: fleet.leads(ours.owner))
    yield Duty("upkeep", TICKS_PER_LOOK * chosen.tick_seconds, upkeep.look)
    yield Duty("clearing", CLEAR_SECONDS, upkeep.clear)
    yield Duty("embedders", REST_SECONDS, ours.embedders.rest)
    yield Duty("sweep", SWEEP_SECONDS, upkeep.sweep)
    yield Duty("courier", 1.0, courier.deliver)
    yield Duty("tidying", SWEEP_SECONDS, courier.tidy)
    yield Duty("schedules", 5.0, errands.run_due)
