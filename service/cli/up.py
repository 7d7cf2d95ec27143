"""`lectern up`: starts the parts that nobody else brings, and stays up with them.

The order is Redis, Chroma, the database's schema, the worker, the service; stopping goes back.
"""

import errno
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from types import FrameType

from ingest.settings import settings as library_settings
from service.cli import parts
from service.cli.client import Client, default_url
from service.cli.crew import Crew
from service.cli.errors import AddressUnusable, PartFailed, PortBusy
from service.cli.lock import DataLock
from service.cli.logs import last_words, open_log
from service.cli.pieces import require_all
from service.cli.reports import JsonReport, TerminalReport
from service.cli.screen import Screen
from service.cli.settings import settings
from service.cli.supervisor import Keeper, Supervisor
from service.cli.swap import Swaps
from service.cli.tour import Tour
from service.settings import settings as service_settings

MIGRATION_S = 600.0


def run(arguments: Namespace) -> int:
    """Start, stay, stop. Returns after SIGINT, SIGTERM or SIGHUP."""
    screen = Screen(arguments.json)
    report = JsonReport() if arguments.json else TerminalReport(screen)
    data = library_settings().data
    url = default_url()
    require_all()
    require_port(service_settings().host, service_settings().port)
    with ExitStack() as stack:
        lock = DataLock(data, url)
        stack.callback(lock.release)
        supervisor = Supervisor(data / "logs", report, [lock.descriptor])
        stack.enter_context(_ending_on_signals(supervisor))
        environment = _embedded(supervisor, stack, data)
        crew = Crew(environment, url, data)
        workers = _start_rest(supervisor, crew, data, url)
        if supervisor.stopping.is_set():
            return 0
        swaps = Swaps(crew, supervisor, workers, report.model)
        stack.callback(swaps.close)
        report.address(url)
        tour = Tour(Client(url), screen, supervisor.stopping)
        guide = Thread(target=tour.give, args=(report,), name="tour", daemon=True)
        guide.start()
        supervisor.watch(swaps.look)
    guide.join(timeout=2.0)
    return 0


def require_port(host: str, port: int) -> None:
    """Raise `PortBusy` or `AddressUnusable` unless the service can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the web server does: connections that have just closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno != errno.EADDRINUSE:
                raise AddressUnusable(host=host, port=port, reason=error.strerror) from error
            raise PortBusy(host=host, port=port) from error


def _embedded(supervisor: Supervisor, stack: ExitStack, data: Path) -> dict[str, str]:
    """Start the stores that no URL is set for; returns their addresses for the other parts.

    From here on `stack` stops whatever has been started.
    """
    addresses: dict[str, str] = {}
    place = None
    if not settings().redis_url:
        place = parts.new_redis_place(data)
        stack.callback(place.remove)
        addresses["LECTERN_REDIS_URL"] = place.url
    stack.callback(supervisor.stop)
    if place:
        supervisor.start(parts.redis(place, data))
    if not library_settings().chroma_url and not supervisor.stopping.is_set():
        port = parts.free_port()
        addresses["LECTERN_CHROMA_URL"] = f"http://127.0.0.1:{port}"
        supervisor.start(parts.chroma(port, data))
    return addresses


def _start_rest(supervisor: Supervisor, crew: Crew, data: Path, url: str) -> Sequence[Keeper]:
    """The schema, the workers and the service; returns the workers."""
    if supervisor.stopping.is_set():
        return ()
    _migrate(data / "logs" / "database.log")
    # A worker loads its model while the service starts, which then tells when it is there.
    workers = [supervisor.launch(part) for part in crew.parts()]
    supervisor.start(parts.service(crew.environment, url))
    for keeper in workers:
        supervisor.await_ready(keeper.part.name)
    return workers


def _migrate(log: Path) -> None:
    """Bring the database to this version, in a process that ends again with its libraries."""
    with open_log(log) as output:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", "migrate"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=MIGRATION_S,
            check=False,
        )
    if done.returncode:
        raise PartFailed(part="database", reason=last_words(log), log=log)


@contextmanager
def _ending_on_signals(supervisor: Supervisor) -> Iterator[None]:
    """The first signal asks everything to stop, the second one kills."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if supervisor.stopping.is_set():
            supervisor.hurry.set()
        supervisor.stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
