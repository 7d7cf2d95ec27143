"""The worker process: loads the tools once, then lets Celery's thread pool bring steps.

Threads, not child processes: all steps share one engine, which batches them. A pool of children
would load the model once per child and batch nothing.
"""

from functools import cache

import structlog
from celery.signals import worker_shutdown, worker_shutting_down

from ingest import blobs
from ingest.database import require_schema
from ingest.embed import Embedder
from ingest.settings import settings as ingest_settings
from ingest.vectors import VectorIndex
from workers import courier, errands, language, logs
from workers.app import app
from workers.dispatcher import INTERACTIVE_OVERBOOKING
from workers.engine.topology import usable_cores
from workers.rounds import Duty, Rounds
from workers.runtime import Runtime
from workers.settings import settings
from workers.states import Lane
from workers.work import Tools

DUTIES = (
    Duty("courier", 1.0, courier.deliver),
    Duty("tidying", 3_600.0, courier.tidy),
    Duty("schedules", 5.0, errands.run_due),
)
LEAVE_SECONDS = 12.0  #: a delivery takes ten at most

log = structlog.get_logger()


@cache
def runtime() -> Runtime:
    """The process's runtime, loaded at the first call. May take some seconds."""
    chosen, library = settings(), ingest_settings()
    model = language.load(chosen)
    embedder = Embedder(library.embedder, chosen.threads or usable_cores())
    return Runtime(Tools(model, embedder, VectorIndex(library.chroma_url)), chosen)


def serve() -> None:
    """Run until told to stop. Blocks."""
    logs.configure()
    require_schema()
    blobs.sweep()
    ours, rounds = runtime(), Rounds(DUTIES)
    worker_shutting_down.connect(lambda **_: ours.stop(), weak=False)
    worker_shutting_down.connect(lambda **_: rounds.stop(), weak=False)
    worker_shutdown.connect(lambda **_: ours.leave(), weak=False)
    worker_shutdown.connect(lambda **_: rounds.leave(LEAVE_SECONDS), weak=False)
    ours.start()
    rounds.start()
    chosen = settings()
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
