"""`lectern rpc-serve`: lends this host to a model that is larger than one machine.

The lending is the workers' (`python -m workers.rpc_serve`), in a process that a client may bring
down: a message that llama.cpp does not like ends it. This starts it again and says so.
"""

import os
import signal
import subprocess
import sys
from argparse import Namespace
from threading import Event
from types import FrameType

from service.cli import leash
from service.cli.screen import Screen
from service.cli.supervisor import BACKOFF_S

PROGRAM = ["-m", "workers.rpc_serve"]
#: After which it can't be started at all, and says why itself.
UNFIT = 1
GRACE_S = 10.0


def run(arguments: Namespace) -> int:
    """Lend until SIGINT or SIGTERM. Returns the exit status."""
    screen, stopping = Screen(arguments.json), Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _keep(command(arguments), screen, stopping)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command(arguments: Namespace) -> list[str]:
    """The program with its words."""
    said = ["--host", arguments.host, "--port", str(arguments.port)]
    said += ["--threads", str(arguments.threads), "--memory-mb", str(arguments.memory_mb)]
    said += [
        f"--{flag.replace('_', '-')}"
        for flag in ("cache", "open_to_anyone", "json")
        if getattr(arguments, flag)
    ]
    return [
        sys.executable,
        "-IS",
        leash.__file__,
        str(os.getpid()),
        sys.executable,
        *PROGRAM,
        *said,
    ]


def _keep(words: list[str], screen: Screen, stopping: Event) -> int:
    failures = 0
    while True:
        with subprocess.Popen(words, start_new_session=True) as process:
            _pass_on_signals(process, stopping)
            status = process.wait()
        if stopping.is_set() or status in {0, UNFIT}:
            return 0 if stopping.is_set() else status
        pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
        failures += 1
        screen.note(f"! it ended with status {status}; starting it again in {pause:g} s", "yellow")
        if stopping.wait(pause):
            return 0


def _pass_on_signals(process: "subprocess.Popen[bytes]", stopping: Event) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        if process.poll() is None:
            process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
